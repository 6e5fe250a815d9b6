import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { OrchestrateError } from '../../errors.ts'
import { WorkerDescription } from '../../protocol/worker-description.ts'
import type { Submission } from '../../server/api.ts'
import { ProblemsError } from '../../server/problems.ts'
import { type BaseFile, extendedBy } from '../../spec/extend.ts'
import { pipelineNeeds } from '../../spec/needs.ts'
import { parsePipeline } from '../../spec/parse-pipeline.ts'
import type { Pipeline } from '../../spec/pipeline.ts'
import type { Client } from '../client/client.ts'
import type { Lock } from './check-python.ts'
import { gitFacts } from './git-facts.ts'
import type { SubmitOptions } from './options.ts'
import { packWorker, type WorkerPack } from './pack-worker.ts'
import { present, secretsFrom } from './secrets.ts'

/** A submission that was found right, and the files that it names by digest. */
export type Prepared = {
  submission: Submission
  pipeline: Pipeline
  pack: WorkerPack
  /** What the interpreter of workers has to have, where the worker is in Python and says so. */
  lock: Lock | null
}

/** Reads a pipeline and its worker, and checks them here: a mistake in the file needs no daemon to be told. */
export async function prepare(file: string, options: SubmitOptions): Promise<Prepared> {
  const text = await readPipeline(file)
  const bases = await readBases(file, text)
  const folder = dirname(resolve(file))
  const needs = pipelineNeeds(text, bases)
  const env = present(needs.env)
  const { pack, description, workerFolder } = await readWorker(folder, needs.worker)
  const { set = [], only = [], label = [], gate: gates = [], look = null } = options
  const parsed = parsePipeline({ file, text, bases, folder, worker: description, workerFolder, set, only, gates, env })
  if ('problems' in parsed) throw new ProblemsError(parsed.problems)
  const secrets = secretsFrom(parsed.pipeline.secrets)
  const submission: Submission = {
    file,
    text,
    bases,
    folder,
    worker: pack.files,
    set,
    only,
    gates,
    look,
    env,
    secrets,
    cache: options.cache,
    owner: owner(),
    labels: labelsFrom(label),
    supersedes: options.supersedes ?? null,
    pinned: options.pin ?? false,
    ...(await gitFacts(folder, Object.values(secrets))),
  }
  return { submission, pipeline: parsed.pipeline, pack, lock: lockOf(description, workerFolder, pack) }
}

function lockOf({ command, lock }: WorkerDescription, folder: string, { files }: WorkerPack): Lock | null {
  if (lock === undefined || command[0] !== 'python') return null
  const digest = files[lock]
  return digest === undefined ? null : { path: resolve(folder, lock), digest }
}

/** Sends the files that the daemon doesn't have yet. */
export async function upload(client: Client, { pack }: Prepared): Promise<void> {
  for (const digest of await client.missing([...new Set(Object.values(pack.files))])) {
    const content = pack.contents.get(digest)
    if (content !== undefined) await client.upload(digest, content)
  }
}

async function readPipeline(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const why =
      cause.code === 'ENOENT'
        ? 'no such file'
        : cause.code === 'EISDIR'
          ? 'a folder; expected a pipeline file'
          : cause.message
    throw new OrchestrateError('INPUT_NOT_FOUND', `${file}: ${why}`, { cause })
  })
}

/** The files that a pipeline extends, the nearest first. One that isn't there, or extends itself, is told by the check. */
async function readBases(file: string, text: string): Promise<BaseFile[]> {
  const bases: BaseFile[] = []
  const seen = new Set([basename(file)])
  for (let named = extendedBy(text); named !== null && !seen.has(named); named = extendedBy(bases.at(-1)?.text ?? '')) {
    seen.add(named)
    const base = join(dirname(file), named)
    const content = await readFile(base, 'utf8').catch(() => null)
    if (content === null) break
    bases.push({ file: base, text: content })
  }
  return bases
}

const noWorker: WorkerDescription = { protocol: 1, name: '', command: ['false'], assets: [], entries: {} }

/** A worker's folder, as a pipeline in `folder` names it. */
export async function readWorker(
  folder: string,
  named: string | null,
): Promise<{ pack: WorkerPack; description: WorkerDescription; workerFolder: string }> {
  // Without a worker the file is wrong, and the check of the file says so, beside all else that is.
  if (named === null) return { pack: { files: {}, contents: new Map() }, description: noWorker, workerFolder: folder }
  const workerFolder = resolve(folder, named)
  const pack = await packWorker(workerFolder)
  return { pack, description: await readDescription(resolve(workerFolder, 'worker.json')), workerFolder }
}

async function readDescription(path: string): Promise<WorkerDescription> {
  const text = await readFile(path, 'utf8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new OrchestrateError('WORKER_INVALID', `${path}: ${(cause as Error).message}`, { cause })
  }
  const parsed = WorkerDescription.safeParse(value)
  if (parsed.success) return parsed.data
  throw new OrchestrateError('WORKER_INVALID', `${path}:\n${z.prettifyError(parsed.error)}`)
}

function labelsFrom(given: string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((label) => {
      const [, name, value] = /^([^=]+)=(.*)$/s.exec(label) ?? []
      if (name === undefined || value === undefined) {
        throw new OrchestrateError('ARGUMENT_INVALID', `--label: expected name=value, found '${label}'`)
      }
      return [name, value]
    }),
  )
}

function owner(): string {
  const given = process.env.ORCHESTRATE_OWNER
  if (given !== undefined && given !== '') return given
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}` // a container's user need not have a name
  }
}
