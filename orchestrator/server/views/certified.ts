import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Certificates } from '../../report/certificate/certificate.ts'
import type { RunView } from '../api.ts'

type Certified = RunView['certified']

const known = new Map<string, { mtimeMs: number; certified: Certified }>()

/** What certificates there are beside a run's report; null where there are none. Read again only when they have changed. */
export async function certifiedOf(stateDir: string, run: string): Promise<Certified> {
  const path = join(stateDir, 'reports', run, 'certificate.json')
  const found = await stat(path).catch(() => null)
  if (found === null) return null
  const before = known.get(path)
  if (before?.mtimeMs === found.mtimeMs) return before.certified
  const certified = await read(path)
  known.set(path, { mtimeMs: found.mtimeMs, certified })
  return certified
}

async function read(path: string): Promise<Certified> {
  try {
    const { certificates } = Certificates.parse(JSON.parse(await readFile(path, 'utf8')))
    const of = (verdict: string) => certificates.filter((one) => one.verdict === verdict).map(({ stage }) => stage)
    return { same: of('same'), different: of('different'), path: path.replace(/json$/, 'md') }
  } catch {
    return null // of another version, or somebody's own file
  }
}
