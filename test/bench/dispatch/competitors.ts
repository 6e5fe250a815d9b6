import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { root } from '../../support/spawn-daemon.ts'

const environment = join(root, '.setup/bench-dispatch')

/**
 * A Python that has what is compared with, in an environment of the benchmark's own: installed when it is first wanted,
 * as `NAME.txt` beside this file pins it. Throws what pip says where it can't be.
 */
export async function pythonWith(name: 'ray' | 'submitit'): Promise<string> {
  const python = join(environment, 'bin/python')
  const requirements = join(import.meta.dirname, `${name}.txt`)
  const wanted = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
  const stamp = join(environment, `${name}.installed`)
  if ((await readFile(stamp, 'utf8').catch(() => '')) === wanted) return python
  await mkdir(environment, { recursive: true })
  console.log(`installing ${name} into ${environment}`)
  const base = process.env.ORCHESTRATE_BASE_PYTHON ?? join(root, '.venv/bin/python')
  await execa(base, ['-m', 'venv', environment])
  const pip = ['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check', '-r', requirements]
  const { failed, stderr } = await execa(python, pip, { reject: false })
  if (failed) throw new Error(`can't be installed: ${stderr.trim().split('\n').at(-1)}`)
  await writeFile(stamp, wanted)
  return python
}
