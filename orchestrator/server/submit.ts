import { randomInt } from 'node:crypto'
import { OrchestrateError } from '../errors.ts'
import { faultPoint } from '../fault-point.ts'
import { limits } from '../limits.ts'
import { codeClosure } from '../plan/code-closure.ts'
import { makePlan } from '../plan/make-plan.ts'
import type { JobCode, Plan, PlannedJob } from '../plan/plan.ts'
import type { Artifact } from '../protocol/manifest.ts'
import { WorkerDescription } from '../protocol/worker-description.ts'
import { parsePipeline } from '../spec/parse-pipeline.ts'
import type { Pipeline, Problem } from '../spec/pipeline.ts'
import { checkedArtifact, readArtifact } from '../store/artifacts.ts'
import { getBlob, putBlob } from '../store/code.ts'
import { concurrently } from '../store/concurrently.ts'
import { type Access, checkSubmission } from './access/access.ts'
import { runAggregate } from './aggregates.ts'
import type { Submission } from './api.ts'
import type { Context } from './conduct/context.ts'
import { fingerprint } from './fingerprint.ts'
import { ProblemsError } from './problems.ts'
import { relyOn } from './rely-on.ts'

export type Planned = { pipeline: Pipeline; plan: Plan; lock: string | null }

/** Checks and plans; changes nothing. */
export async function planSubmission(context: Context, submission: Submission, access: Access): Promise<Planned> {
  const worker = await readWorker(context, submission)
  const { file, text, bases, folder, set, only, gates, env } = submission
  const parsed = parsePipeline({
    file,
    text,
    bases,
    folder,
    worker: worker.description,
    workerFolder: folder,
    set,
    only,
    gates,
    env,
  })
  if ('problems' in parsed) throw new ProblemsError(parsed.problems)
  const { pipeline } = parsed
  const pools = pipeline.cells.flatMap((cell) => cell.stages.map((stage) => stage.pool))
  checkSubmission(access, pipeline.name, pools)
  checkResources(context, pipeline)
  const sources = pipeline.data.map(
    async (source) => [source.name, await fingerprint(source, folder, context.settings.store)] as const,
  )
  const fingerprints = Object.fromEntries(await Promise.all(sources))
  const lock = worker.description.lock ? (submission.worker[worker.description.lock] ?? null) : null
  const planFor = (generation: number): Plan =>
    makePlan(pipeline, { code: worker.code, lock, fingerprints, generation })
  let plan = planFor(0)
  if (!submission.cache) {
    for (let generation = 1; ; generation++) {
      plan = planFor(generation)
      const known = await Promise.all(
        plan.jobs.map(
          async ({ key }) => context.aggregates.jobs.has(key) || (await readArtifact(context.store, key)) !== null,
        ),
      )
      if (!known.includes(true)) break
    }
  }
  return { pipeline, plan, lock }
}

/** Writes down a run and its wants; whoever looks at it next sets it going. Returns its id. */
export async function submit(context: Context, submission: Submission, access: Access): Promise<string> {
  const { pipeline, plan, lock } = await planSubmission(context, submission, access)
  const run = newRunId(context)
  context.secrets.keep(run, submission.secrets)
  const keys = plan.jobs.map((job) => job.key)
  const [text, patch, cached] = await Promise.all([
    putBlob(context.store, wholeText(submission)),
    submission.patch ? putBlob(context.store, submission.patch) : null,
    relyOn(context, run, keys),
  ])
  await concurrently(plan.jobs, (job) => define(context, job, cached.get(job.key)), limits.redis.atOnce)
  faultPoint('jobs-defined')
  await context.aggregates.updateRun(run, (before) =>
    before
      ? []
      : [
          {
            type: 'run.submitted',
            run,
            pipeline: pipeline.name,
            file: submission.file,
            text,
            patch,
            lock,
            commit: submission.commit,
            owner: access?.name ?? submission.owner,
            ...(access ? { token: access.id } : {}),
            ...(submission.supersedes === null ? {} : { supersedes: submission.supersedes }),
            ...(submission.pinned ? { pinned: true } : {}),
            labels: { ...pipeline.labels, ...submission.labels },
            set: submission.set,
            only: submission.only,
            priority: pipeline.priority,
            ...(pipeline.onFailure === 'stop' ? { onFailure: 'stop' } : {}),
            secrets: pipeline.secrets,
            metrics: pipeline.metrics,
            report: pipeline.report,
            ...(pipeline.gates.length > 0 ? { gates: pipeline.gates } : {}),
            ...(submission.look === null ? {} : { look: submission.look }),
            cells: plan.cells,
            jobs: keys,
          },
        ],
  )
  faultPoint('run-submitted')
  // Acknowledged only once it would survive the loss of Redis.
  await context.journal.flush()
  await context.commands
    .send(runAggregate(run))
    .catch((error: unknown) => context.log.warn({ err: error, run }, 'no look was asked for; the sweep comes by'))
  return run
}

/** What was submitted, for whoever wants to know later: the file, and behind it those that it extends. */
const wholeText = ({ text, bases }: Submission): string =>
  [text, ...bases.map((base) => `--- # ${base.file}\n${base.text}`)].join('\n')

async function define(context: Context, planned: PlannedJob, cached: Artifact | undefined): Promise<void> {
  await context.aggregates.updateJob(planned.key, (job) => {
    const found = cached
      ? [
          {
            type: 'job.succeeded',
            found: true,
            metrics: cached.metrics,
            summary: cached.summary,
            seconds: cached.seconds,
          } as const,
        ]
      : []
    return job ? [] : [{ type: 'job.defined', job: planned }, ...found]
  })
}

/** The artifacts that a submission would find, whole, by the jobs' keys. It leans on none of them yet. */
export async function findCached(context: Context, jobs: PlannedJob[]): Promise<Map<string, Artifact>> {
  const found = await concurrently(jobs, async ({ key }) => {
    const checked = await checkedArtifact(context.store, key)
    return checked?.problems.length === 0 ? [[key, checked.artifact] as const] : []
  })
  return new Map(found.flat())
}

type Worker = { description: WorkerDescription; code: (entry: string) => JobCode }

async function readWorker(context: Context, submission: Submission): Promise<Worker> {
  const digest = submission.worker['worker.json']
  if (!digest) throw new OrchestrateError('WORKER_INVALID', `the worker of ${submission.file} has no worker.json`)
  const description = descriptions.get(digest) ?? parseDescription(await blobText(context, digest))
  if (descriptions.size > 100) descriptions.clear()
  descriptions.set(digest, description)
  const texts = new Map<string, string>()
  await Promise.all(
    Object.entries(submission.worker).map(async ([path, sha]) =>
      texts.set(path, path.endsWith('.py') ? await blobText(context, sha) : ''),
    ),
  )
  const codes = new Map<string, JobCode>()
  const code = (entry: string): JobCode => {
    const known = codes.get(entry) ?? codeClosure(texts, description, entry, (path) => submission.worker[path] ?? '')
    codes.set(entry, known)
    return known
  }
  return { description, code }
}

/** One object for one worker.json, however often it is submitted: its compiled schemas are kept with it. */
const descriptions = new Map<string, WorkerDescription>()

function parseDescription(text: string): WorkerDescription {
  const parsed = WorkerDescription.safeParse(JSON.parse(text || 'null'))
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new OrchestrateError('WORKER_INVALID', `worker.json: ${issue?.path.join('.')}: ${issue?.message}`)
}

const textCache = new Map<string, string>()

async function blobText(context: Context, sha: string): Promise<string> {
  const known = textCache.get(sha)
  if (known !== undefined) return known
  const blob = await getBlob(context.store, sha)
  if (!blob)
    throw new OrchestrateError('WORKER_INVALID', `the content ${sha.slice(0, 12)} of the worker's code was not sent`)
  const text = blob.toString('utf8')
  if (textCache.size > 5000) textCache.clear()
  textCache.set(sha, text)
  return text
}

/** What can never be placed is refused before anything starts. */
function checkResources(context: Context, pipeline: Pipeline): void {
  const problems = new Map<string, Problem>()
  for (const stage of pipeline.cells.flatMap((cell) => cell.stages)) {
    for (const refused of context.pools.of(stage.pool).refuse(stage.resources)) {
      const message = `${stage.name}: ${refused}`
      problems.set(message, { ...stage.place, message })
    }
  }
  if (problems.size > 0) throw new ProblemsError([...problems.values()])
}

const LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789'

function newRunId(context: Context): string {
  for (;;) {
    const id = `r-${Array.from({ length: 5 }, () => LETTERS[randomInt(LETTERS.length)]).join('')}`
    if (!context.aggregates.runs.has(id)) return id
  }
}
