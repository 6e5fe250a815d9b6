import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { prepare, upload } from '../../../orchestrator/cli/submit/submit.ts'
import type { RunView } from '../../../orchestrator/server/api.ts'
import { foreignWorker } from '../../support/pipelines.ts'
import type { Stage } from './stage.ts'

/** Submits one run of so many jobs: half of them need one of the other half, cell by cell. */
export async function submitJobs(stage: Stage, jobs: number, name = 'scale'): Promise<RunView> {
  const cells = Array.from({ length: Math.ceil(jobs / 2) }, (_, index) => index + 1)
  const file = join(stage.state, `${name}.yaml`)
  const text = `name: ${name}
worker: ${foreignWorker}
matrix: { n: [${cells.join(', ')}] }
stages:
  train: { entry: count, with: { steps: "$\{matrix.n}" }, retry: { backoff: 1s } }
  evaluate: { entry: join, inputs: { numbers: train.numbers }, retry: { backoff: 1s } }
`
  await writeFile(file, text)
  const prepared = await prepare(file, { cache: true })
  await upload(stage.client, prepared)
  return stage.client.submit(prepared.submission)
}
