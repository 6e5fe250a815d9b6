import { copyFile, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from '../../orchestrator/cli/client/client.ts'
import { prepare, upload } from '../../orchestrator/cli/submit/submit.ts'
import type { RunView } from '../../orchestrator/server/api.ts'
import { root } from './spawn-daemon.ts'

/** The worker of 30 lines that no stage name of the control plane knows anything about. */
export const foreignWorker = join(root, 'test/fixtures/foreign-worker')

/** Writes a pipeline of foreign stages to a file and returns its path. */
export const writePipeline = (stages: string, rest = ''): Promise<string> => write(foreignWorker, stages, rest)

/** One whose training is a chain of hashes, saved as it goes. */
export const savingWorker = join(root, 'test/fixtures/saving-worker')

/** The same of stages that save checkpoints as they go. */
export const writeSavingPipeline = (stages: string, rest = ''): Promise<string> => write(savingWorker, stages, rest)

async function write(worker: string, stages: string, rest: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'orc-p-'))
  const file = join(folder, 'pipeline.yaml')
  await writeFile(file, `name: test\nworker: ${worker}\n${rest}\nstages:\n${stages}\n`)
  return file
}

/** A worker of the test's own: the source of another as edited, in `folder/worker`. Returns a pipeline file that uses it. */
export async function writeWorker(
  folder: string,
  edit: (source: string) => string,
  stages: string,
  rest = '',
  like = foreignWorker,
): Promise<string> {
  const worker = join(folder, 'worker')
  await mkdir(worker)
  await copyFile(join(like, 'worker.json'), join(worker, 'worker.json'))
  await writeFile(join(worker, 'worker.py'), edit(await readFile(join(like, 'worker.py'), 'utf8')))
  const file = join(folder, 'pipeline.yaml')
  await writeFile(file, `name: test\nworker: ./worker\n${rest}\nstages:\n${stages}\n`)
  return file
}

export async function submitFile(
  client: Client,
  file: string,
  options: { set?: string[]; only?: string[]; cache?: boolean; supersedes?: string; pin?: boolean } = {},
): Promise<RunView> {
  const prepared = await prepare(file, { cache: true, ...options })
  await upload(client, prepared)
  return client.submit(prepared.submission)
}

export const submitStages = async (client: Client, stages: string, rest = ''): Promise<RunView> =>
  submitFile(client, await writePipeline(stages, rest))
