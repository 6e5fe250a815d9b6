import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { junit } from '../report/gates/junit.ts'
import type { GateVerdict, RunView } from '../server/api.ts'

/** Writes what a run came to for a test reporter. */
export async function writeJunit(path: string, view: RunView, gates: readonly GateVerdict[]): Promise<void> {
  const cells = view.cells.map(({ cell, state }) => {
    // What failed first says it all.
    const failed = view.jobs.find(({ cells, error }) => cells.includes(cell) && error && error.input === undefined)
    return { name: cell, state, message: failed?.error ? `${failed.stage}: ${failed.error.message}` : null }
  })
  const seconds = view.endedAt === null ? 0 : (view.endedAt - view.createdAt) / 1000
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, junit({ name: view.pipeline, run: view.run, seconds, cells, gates }))
}
