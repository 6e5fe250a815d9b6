import { join } from 'node:path'
import type { FileEntry } from '../../protocol/manifest.ts'
import type { WorkerEvent } from '../../protocol/worker-event.ts'
import type { Evidence, Point } from '../../report/certificate/compare-twins.ts'
import { type Checkpoint, listCheckpoints, resumeOrder } from '../../store/checkpoints.ts'
import { digestFile } from '../../store/local-file.ts'
import { listOutput } from '../../store/output-files.ts'
import type { Store } from '../../store/store.ts'
import type { Ended } from './run-attempt.ts'

/** A twin: its attempts in order, of which the last went to the end, and the store that they shared. */
export type Twin = { store: Store; attempts: [Ended, ...Ended[]] }

/** Everything about a twin that is to be the same. */
export async function gatherEvidence({ store, attempts }: Twin): Promise<Evidence> {
  const last = attempts.at(-1) ?? attempts[0]
  const outputs: Record<string, FileEntry[]> = {}
  for (const name of last.job.outputs) {
    outputs[name] = await hashFolder(join(last.directory, 'outputs', name), name)
  }
  const newest = await newestCheckpoint(store, last)
  const done = last.events.findLast((event) => event.type === 'done')
  return {
    outputs,
    state: newest && { step: newest.manifest.step, files: newest.manifest.files, cursor: newest.manifest.cursor },
    curves: attempts.map(({ events }) => curveOf(events)),
    results: done?.metrics ?? {},
  }
}

/** The checkpoint that one more attempt would resume from. */
export async function newestCheckpoint(store: Store, { job }: Ended): Promise<Checkpoint | null> {
  const [key] = await resumeOrder(store, job.job, job.shard)
  return (await listCheckpoints(store, job.job, job.shard)).find((one) => one.key === key) ?? null
}

async function hashFolder(folder: string, name: string): Promise<FileEntry[]> {
  const files: FileEntry[] = []
  for (const path of await listOutput(folder, name)) files.push({ path, ...(await digestFile(join(folder, path))) })
  return files
}

/** A value that names no step is of the step that was reported last. */
function curveOf(events: WorkerEvent[]): Point[] {
  const points: Point[] = []
  let step = 0
  for (const event of events) {
    if (event.type === 'progress') step = event.step
    if (event.type === 'metric') points.push({ name: event.name, step: event.step ?? step, value: event.value })
  }
  return points
}
