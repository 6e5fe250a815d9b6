import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Certificate, Certificates, supersedes } from '../../report/certificate/certificate.ts'
import { certificateMarkdown } from '../../report/certificate/certificate-markdown.ts'

/** Writes certificates beside the run's report; those of other jobs, ranks and configs stay. Returns the folder. */
export async function writeCertificates(state: string, run: string, made: Certificate[]): Promise<string> {
  const folder = join(state, 'reports', run)
  const before = await readCertificates(join(folder, 'certificate.json'))
  const kept = before.filter((old) => !made.some((one) => supersedes(one, old)))
  const all: Certificates = { protocol: 1, run, certificates: [...kept, ...made] }
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeWhole(join(folder, 'certificate.json'), `${JSON.stringify(all, null, 2)}\n`)
  await writeWhole(join(folder, 'certificate.md'), certificateMarkdown(all))
  return folder
}

/** None where there is no such file, or one of another version. */
async function readCertificates(path: string): Promise<Certificate[]> {
  try {
    return Certificates.parse(JSON.parse(await readFile(path, 'utf8'))).certificates
  } catch {
    return []
  }
}

async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.part`, text)
  await rename(`${path}.part`, path)
}
