import { readdir } from 'node:fs/promises'
import type { Engine } from '../engines/engine.ts'

/** Ends every attempt in a folder, whoever started it, and leaves nothing of it: all of them were given to other hosts. */
export async function abandonAll(engine: Engine, attempts: string): Promise<void> {
  const here = await readdir(attempts).catch(() => [])
  await Promise.all(
    here.map(async (attempt) => {
      await engine.revoke(attempt)
      await engine.signal(attempt, 'SIGKILL')
      await engine.ended(attempt, new AbortController().signal)
      await engine.forget(attempt)
    }),
  )
}
