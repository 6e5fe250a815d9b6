import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Engine } from '../../engines/engine.ts'
import { LocalEngine } from '../../engines/local/local.ts'
import { prepared } from '../../engines/prepare/prepare.ts'

/** A folder in the state directory with an engine of its own; gone afterwards, unless it is to be kept. */
export async function inScratch<T>(
  { state, python, keep }: { state: string; python: string; keep: boolean },
  work: (scratch: string, engine: Engine) => Promise<T>,
): Promise<T> {
  const parent = join(state, 'certify')
  await mkdir(parent, { recursive: true, mode: 0o700 })
  const scratch = await mkdtemp(join(parent, 'twins-'))
  const warn = (_: unknown, message?: string) => void process.stderr.write(`orchestrate: ${message}\n`)
  const engine = new LocalEngine({ stateDir: scratch, python, prepare: prepared, log: { warn } })
  try {
    return await work(scratch, engine)
  } finally {
    engine.close()
    // What was written is read-only where the store links it; folders never are.
    if (!keep) await rm(scratch, { recursive: true, force: true, maxRetries: 20 })
  }
}
