import { z } from 'zod'
import { BatchFile } from './batch-file.ts'
import { AttemptExit, RankExit } from './exit-record.ts'
import { JobFile } from './job-file.ts'
import { Artifact, CheckpointManifest } from './manifest.ts'
import { WorkerDescription } from './worker-description.ts'
import { WorkerEvent } from './worker-event.ts'

const types = {
  'job-file': JobFile,
  'batch-file': BatchFile,
  'worker-event': WorkerEvent,
  'rank-exit': RankExit,
  'attempt-exit': AttemptExit,
  'checkpoint-manifest': CheckpointManifest,
  artifact: Artifact,
  'worker-description': WorkerDescription,
}

/** File name in `schema/` -> JSON Schema (2020-12), by which a worker in any language can check what it writes and reads. */
export function protocolSchemas(): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(types).map(([name, type]) => [
      `${name}.json`,
      { title: name, ...z.toJSONSchema(type, { io: 'input' }) },
    ]),
  )
}
