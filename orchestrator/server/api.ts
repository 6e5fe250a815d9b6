import { z } from 'zod'

/** The HTTP API, version 1: requests are checked with these, answers have these shapes. Used by server, CLI and dashboard. */

export const JobStateName = z.enum([
  'waiting',
  'ready',
  'placed',
  'running',
  'exited',
  'succeeded',
  'failed',
  'cancelled',
])
export type JobStateName = z.infer<typeof JobStateName>
export const RunStateName = z.enum(['running', 'succeeded', 'failed', 'cancelled'])
export type RunStateName = z.infer<typeof RunStateName>

const Metric = z.union([z.number(), z.object({ k: z.int(), n: z.int() })])

/** POST /api/v1/runs and /api/v1/plans. Content of files travels before, by digest (POST /api/v1/blobs). */
export const Submission = z.strictObject({
  /** Path as the user gave it, for messages, and the text. */
  file: z.string(),
  text: z.string(),
  /** Files that it extends, the nearest first. */
  bases: z.array(z.object({ file: z.string(), text: z.string() })).default([]),
  /** Absolute folder that relative paths of the pipeline are relative to (the file's own folder). */
  folder: z.string(),
  /** Path in the worker's folder -> SHA-256, worker.json among them. */
  worker: z.record(z.string(), z.string()),
  /** `--set train.with.steps=100`, in order. */
  set: z.array(z.string()).default([]),
  /** `--only full`: cells by name; empty: all. */
  only: z.array(z.string()).default([]),
  /** `--gate 'success(full) >= 0.9'`, beside those of the file. */
  gates: z.array(z.string()).default([]),
  /** Which look at growing data it is for, from 1; null: the only one. */
  look: z.int().min(1).nullable().default(null),
  /** Values of the environment variables that the file names as `${env.NAME}`. */
  env: z.record(z.string(), z.string()).default({}),
  /** Secret values by name: kept in memory and in a 0600 file, never stored. */
  secrets: z.record(z.string(), z.string()).default({}),
  cache: z.boolean().default(true),
  owner: z.string(),
  labels: z.record(z.string(), z.string()).default({}),
  commit: z.string().nullable().default(null),
  /** A word for what changes over time, as a pull request: older runs of the pipeline with the same one stop. */
  supersedes: z.string().min(1).max(500).nullable().default(null),
  /** No newer run takes its place. */
  pinned: z.boolean().default(false),
  /** Output of `git diff HEAD`, or null. */
  patch: z.string().nullable().default(null),
})
export type Submission = z.infer<typeof Submission>

export const PlanView = z.object({
  pipeline: z.string(),
  cells: z.array(z.object({ cell: z.string(), stages: z.record(z.string(), z.string()) })),
  jobs: z.array(
    z.object({
      key: z.string(),
      stage: z.string(),
      cells: z.array(z.string()),
      needs: z.array(z.string()),
      cached: z.boolean(),
      shards: z.int(),
      resources: z.string(),
      /** Seconds that a cached job took, or past attempts of the stage: null where there are none. */ seconds: z
        .number()
        .nullable(),
      /** When the cached artifact was made. */ createdAt: z.number().nullable(),
    }),
  ),
  totals: z.object({
    cells: z.int(),
    /** Jobs that would run if no two cells shared one, and nothing were cached. */ asked: z.int(),
    distinct: z.int(),
    cached: z.int(),
    toRun: z.int(),
    /** As far as past attempts of the same stages tell; `unknown` names those that have none. */
    gpuHours: z.object({ toRun: z.number(), unshared: z.number(), unknown: z.array(z.string()) }),
  }),
})
export type PlanView = z.infer<typeof PlanView>

/** A result that is in the store, whether or not a run has it. */
export const CachedView = z.object({
  key: z.string(),
  stage: z.string(),
  createdAt: z.number(),
  /** What it took to make. */ seconds: z.number(),
  files: z.int(),
  bytes: z.number(),
  /** Runs that the ledger knows to have wanted it. */ runs: z.array(z.string()),
})
export type CachedView = z.infer<typeof CachedView>

/** What keeps a job from being another that is cached; values as JSON, null where one hasn't got the part. */
export const CacheWhyView = z.object({
  key: z.string(),
  stage: z.string(),
  cached: z.boolean(),
  nearest: z
    .object({
      key: z.string(),
      stage: z.string(),
      differences: z.array(
        z.object({
          part: z.enum(['entry', 'command', 'code', 'lock', 'config', 'input', 'generation']),
          at: z.string(),
          here: z.string().nullable(),
          there: z.string().nullable(),
        }),
      ),
    })
    .nullable(),
})
export type CacheWhyView = z.infer<typeof CacheWhyView>

export const JobErrorView = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().nullable(),
  rank: z.int().optional(),
  attempt: z.string().optional(),
  tail: z.string().optional(),
  input: z.string().optional(),
})

export const AttemptView = z.object({
  attempt: z.string(),
  shard: z.int(),
  fence: z.int(),
  state: z.enum(['placed', 'running', 'exited', 'revoked']),
  host: z.string(),
  outcome: z.string().nullable(),
  error: JobErrorView.nullable(),
  placedAt: z.number(),
  startedAt: z.number().nullable(),
  endedAt: z.number().nullable(),
  /** Manifest key it resumed from. */
  resumed: z.string().nullable(),
  directory: z.string(),
})
export type AttemptView = z.infer<typeof AttemptView>

export const Progress = z.object({
  step: z.number(),
  of: z.number(),
  unit: z.string(),
  /** Units per second over the recent past, null before two reports. */
  rate: z.number().nullable(),
  /** Seconds left, null where unknown. */
  eta: z.number().nullable(),
  loss: z.number().nullable(),
  /** Loss, thinned to at most 60 points. */
  curve: z.array(z.number()),
  savedAt: z.number().nullable(),
})
export type Progress = z.infer<typeof Progress>

export const Waits = z.object({ reason: z.string(), since: z.number(), until: z.number().nullable() })

export const JobView = z.object({
  key: z.string(),
  stage: z.string(),
  /** Cells of this run that want it. */
  cells: z.array(z.string()),
  pool: z.string(),
  needs: z.array(z.string()),
  state: JobStateName,
  cached: z.boolean(),
  attempts: z.int(),
  shards: z.object({ total: z.int(), done: z.int(), running: z.int() }),
  progress: Progress.nullable(),
  waits: Waits.nullable(),
  error: JobErrorView.nullable(),
  /** The last things that its workers warned of: a save that failed, a checkpoint that was passed over. */
  warnings: z.array(z.string()),
  metrics: z.record(z.string(), Metric),
  summary: z.string().nullable(),
  startedAt: z.number().nullable(),
  endedAt: z.number().nullable(),
  /** Other runs that want it. */
  sharedWith: z.array(z.string()),
})
export type JobView = z.infer<typeof JobView>

export const CellView = z.object({
  cell: z.string(),
  state: RunStateName,
  metrics: z.record(z.string(), Metric),
  stages: z.record(z.string(), z.string()),
})
export type CellView = z.infer<typeof CellView>

/** How a cell of a matrix stands over all runs of its pipeline. */
export const CellStandingView = z.object({
  cell: z.string(),
  state: z.enum(['done', 'failed', 'missing', 'running']),
  run: z.string().nullable(),
  reason: z.string(),
})
export type CellStandingView = z.infer<typeof CellStandingView>

/** What the whole control plane has trouble with at present. */
export const Trouble = z.object({
  /** A sentence. */ what: z.string(),
  code: z.string(),
  /** Unix milliseconds. */ since: z.number(),
})
export type Trouble = z.infer<typeof Trouble>

const outcomes = z.enum(['pass', 'fail', 'undecided'])

/** What a gate came to: GET /api/v1/runs/:run/gates. */
export const GateVerdict = z.object({
  gate: z.string(),
  kind: z.enum(['recipe', 'policy']),
  outcome: outcomes,
  /** The outcome after what the file makes of undecided. */
  counts: outcomes,
  value: z.number().nullable(),
  lower: z.number().nullable(),
  upper: z.number().nullable(),
  bound: z.number(),
  unit: z.enum(['difference', 'share', 'number']),
  level: z.number(),
  seeds: z.int().nullable(),
  trials: z.int().nullable(),
  reason: z.string(),
  more: z.union([z.object({ seeds: z.int() }), z.object({ trials: z.int() })]).nullable(),
  until: z.union([z.object({ seeds: z.int() }), z.object({ trials: z.int() })]).nullable(),
})
export type GateVerdict = z.infer<typeof GateVerdict>

export const reportFormats = ['html', 'md', 'json', 'text', 'csv', 'latex'] as const
export type ReportFormat = (typeof reportFormats)[number]

/** A pool, and how much of it is taken. */
export const PoolView = z.object({
  name: z.string(),
  engine: z.string(),
  /** What `all` and `free` are of: cores, GPUs, or jobs that a scheduler may have at once. */
  room: z.array(z.object({ of: z.enum(['core', 'GPU', 'job']), all: z.int(), free: z.int() })),
})
export type PoolView = z.infer<typeof PoolView>

const Share = z.object({ all: z.int(), free: z.int() })

/** A host of a pool whose hosts come and go: GET /api/v1/hosts. */
export const HostView = z.object({
  pool: z.string(),
  host: z.string(),
  /** live: takes work; draining: finishes what it has; left: has said so; lost: was silent for too long. */
  state: z.enum(['live', 'draining', 'left', 'lost']),
  cores: Share,
  gpus: Share,
  attempts: z.int(),
  /** When it last showed a sign of life; null when it has not since this daemon listens. */
  heardAt: z.number().nullable(),
})
export type HostView = z.infer<typeof HostView>

export const RunView = z.object({
  run: z.string(),
  pipeline: z.string(),
  state: RunStateName,
  owner: z.string(),
  labels: z.record(z.string(), z.string()),
  commit: z.string().nullable(),
  /** Key of the job whose failure stopped it, where the file says `on_failure: stop`. */
  stoppedBy: z.string().nullable(),
  /** The run that took its place. */
  supersededBy: z.string().nullable(),
  dirty: z.boolean(),
  /** Names of the secrets that its jobs are given. */
  secrets: z.array(z.string()),
  createdAt: z.number(),
  endedAt: z.number().nullable(),
  cells: z.array(CellView),
  /** Topological order, then the file's order. */
  jobs: z.array(JobView),
  /** Those that its jobs name, in that order. */
  pools: z.array(PoolView),
  troubles: z.array(Trouble).default([]),
  /** Where its curves can be looked at besides here: a folder of the daemon's machine with one of each job. */
  metrics: z
    .object({ folder: z.string(), tensorboard: z.boolean(), wandb: z.enum(['online', 'offline']).nullable() })
    .nullable()
    .default(null),
  /** Seconds of wall time by what they went to, summed over attempts. */
  goodput: z.object({
    /** Useful step time in wall time. */
    share: z.number().nullable(),
    queueing: z.number(),
    starting: z.number(),
    training: z.number(),
    saving: z.number(),
    restarting: z.number(),
    lost: z.number(),
    stepsComputed: z.number(),
    stepsLost: z.number(),
  }),
  /** Path (local daemon) or URL of the HTML report, once there is one. */
  report: z.string().nullable(),
  /** Stages that `orchestrate certify` found to resume to the same bits, or not, and where it says so. */
  certified: z.object({ same: z.array(z.string()), different: z.array(z.string()), path: z.string() }).nullable(),
})
export type RunView = z.infer<typeof RunView>

/** A job with its history: GET /api/v1/jobs/:ref. */
export const JobDetail = JobView.extend({
  attemptList: z.array(AttemptView),
  entry: z.string(),
  config: z.record(z.string(), z.json()),
  parts: z.record(z.string(), z.json()),
  runs: z.array(z.string()),
})
export type JobDetail = z.infer<typeof JobDetail>

/** GET /api/v1/jobs/:ref/why */
export const WhyView = z.object({ sentence: z.string(), evidence: z.array(z.string()), next: z.array(z.string()) })
export type WhyView = z.infer<typeof WhyView>

export const CheckpointView = z.object({
  job: z.string(),
  stage: z.string(),
  shard: z.int(),
  step: z.int(),
  bytes: z.number(),
  files: z.int(),
  createdAt: z.number(),
  attempt: z.string(),
  fence: z.int(),
  manifest: z.string(),
  parent: z.string().nullable(),
  /** How long training waited for it to be saved; null where its log is gone. */
  stallMs: z.number().nullable(),
  /** The last means reported at that step. */
  metrics: z.record(z.string(), z.number()),
  /** Why it stays; empty: the next passes of garbage collection delete it. */
  kept: z.array(z.enum(['resume', 'lineage', 'last', 'every', 'best'])),
  /** Marked for deletion. */
  marked: z.boolean(),
  verified: z.enum(['not checked', 'ok', 'broken']),
  verifiedAt: z.number().nullable(),
  /** What is wrong with its files, when it was verified. */
  problems: z.array(z.string()),
})
export type CheckpointView = z.infer<typeof CheckpointView>

/** What a comparison of Redis with the store and the engines has found. Aggregates are jobs and runs. */
export const Findings = z.object({
  /** Why it was made: the daemon's start, Redis started anew under it, or POST /api/v1/recover. */
  cause: z.enum(['start', 'restart', 'asked']),
  at: z.number(),
  seconds: z.number(),
  /** Aggregates that the store knows (after a restart: that the daemon knows), and that the ledger had. */
  store: z.int(),
  ledger: z.int(),
  /** Aggregates put back whole; at their end; replaced, because the store told another story. Events put back. */
  restored: z.int(),
  tails: z.int(),
  replaced: z.int(),
  events: z.int(),
  /** Fences compared, and attempts taken up again whose placement had got lost. */
  fences: z.int(),
  adopted: z.int(),
  /** Attempts that run, that ended while nobody looked, and that can't be found any more. */
  running: z.int(),
  exited: z.int(),
  lost: z.int(),
  /** Attempts that ran and that nothing knows: asked to save and end. */
  strays: z.int(),
  reservations: z.object({ restored: z.int(), givenBack: z.int() }),
})
export type Findings = z.infer<typeof Findings>

/** POST /api/v1/recover: what was found now, and what this daemon had found before, newest first. */
export const RecoverView = z.object({ now: Findings, before: z.array(Findings) })
export type RecoverView = z.infer<typeof RecoverView>

/** GET /api/v1/invariants: what should never be so, and is. */
export const InvariantsView = z.object({
  checkedAt: z.number(),
  violations: z.array(z.object({ invariant: z.string(), subject: z.string(), detail: z.string() })),
})
export type InvariantsView = z.infer<typeof InvariantsView>
/** POST /api/v1/checkpoints/verify: reads one through; its list says what was found from then on. */
export const ManifestKey = z.strictObject({
  manifest: z
    .string()
    .regex(/^jobs\/[^/]+\/s\d+\/\d+\/checkpoints\/\d+\/manifest\.json$/, 'expected the key of a manifest'),
})
export const Verdict = z.object({ at: z.number(), problems: z.array(z.string()) })
export type Verdict = z.infer<typeof Verdict>

/** POST /api/v1/gc. `plan` changes nothing and says what a pass would do; both lengths of time have settings of the daemon as defaults. */
export const CollectRequest = z.strictObject({
  action: z.enum(['plan', 'collect']),
  /** Milliseconds between mark and deletion. */
  graceMs: z.number().min(0).optional(),
  /** Artifacts that no run has needed for so long. */
  olderThanMs: z.number().min(0).optional(),
})
export type CollectRequest = z.infer<typeof CollectRequest>

export const CollectView = z.object({
  /** The store's time. */
  now: z.number(),
  graceMs: z.number(),
  olderThanMs: z.number(),
  items: z.array(
    z.object({
      /** Marked in this pass; marked before, its grace not yet over; deleted; needed again, its mark taken back. */
      action: z.enum(['mark', 'wait', 'delete', 'take back']),
      kind: z.enum(['checkpoint', 'outputs', 'logs', 'artifact']),
      job: z.string(),
      stage: z.string().nullable(),
      shard: z.int().nullable(),
      fence: z.int().nullable(),
      step: z.int().nullable(),
      why: z.string(),
      objects: z.int(),
      bytes: z.number(),
      /** When a pass may delete it. */
      goesAt: z.number().nullable(),
    }),
  ),
  /** Jobs of which something can't be read: nothing of them is touched. */
  skipped: z.array(z.object({ job: z.string(), problem: z.string() })),
})
export type CollectView = z.infer<typeof CollectView>

export const Health = z.object({
  version: z.string(),
  build: z.string(),
  pid: z.int(),
  state: z.string(),
  store: z.string(),
  redis: z.string(),
  address: z.string().nullable(),
  startedAt: z.number(),
  runs: z.int(),
  troubles: z.array(Trouble).default([]),
})
export type Health = z.infer<typeof Health>

/** What every failed request answers, with 4xx or 5xx. */
export const ErrorBody = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  exit: z.int(),
  problems: z.array(z.object({ file: z.string(), line: z.int(), column: z.int(), message: z.string() })).optional(),
})
export type ErrorBody = z.infer<typeof ErrorBody>
