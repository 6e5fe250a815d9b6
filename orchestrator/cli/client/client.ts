import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import { OrchestrateError } from '../../errors.ts'
import { limits } from '../../limits.ts'
import {
  AttemptView,
  CachedView,
  CacheWhyView,
  CellStandingView,
  CheckpointView,
  type CollectRequest,
  CollectView,
  GateVerdict,
  Health,
  HostView,
  InvariantsView,
  JobDetail,
  PlanView,
  RecoverView,
  type ReportFormat,
  RunView,
  type Submission,
  Verdict,
  WhyView,
} from '../../server/api.ts'
import { apiErrorFrom } from './api-error.ts'
import { type Sent, send, type Target, text } from './http.ts'
import { serverEvents } from './sse.ts'

const Runs = z.object({ runs: z.array(RunView) })
const Gates = z.object({ gates: z.array(GateVerdict) })
const Hosts = z.object({ hosts: z.array(HostView) })
const Checkpoints = z.object({ checkpoints: z.array(CheckpointView) })
const Cells = z.object({ cells: z.array(CellStandingView) })
const Cached = z.object({ cached: z.array(CachedView) })
const Removed = z.object({ key: z.string() })
const Missing = z.object({ missing: z.array(z.string()) })
const Attempt = z.object({ attempt: AttemptView, job: z.json() })

export type LogQuery = {
  run?: string
  rank?: number
  stream?: 'stdout' | 'stderr'
  shard?: number
  attempt?: string
  tail?: number
  follow?: boolean
}

export type Client = ReturnType<typeof createClient>

/** The HTTP API as functions. Answers are checked; errors come back with the code, hint and exit code that the daemon gave. */
export function createClient(target: Target) {
  const call = async (sent: Sent): Promise<IncomingMessage> => {
    const response = await send(target, sent).catch((error: NodeJS.ErrnoException) => {
      throw unreachable(target, error)
    })
    if ((response.statusCode ?? 500) < 400) return response
    const body = await text(response)
    throw apiErrorFrom(body) ?? unreachable(target, new Error(`it answered ${response.statusCode} to ${sent.path}`))
  }
  const ask = async <T extends z.ZodType>(schema: T, sent: Sent): Promise<z.infer<T>> => {
    const answer = schema.safeParse(parse(await text(await call(sent))))
    if (answer.success) return answer.data
    throw unreachable(
      target,
      new Error(`its answer to ${sent.path} has another shape:\n${z.prettifyError(answer.error)}`),
    )
  }
  const get = <T extends z.ZodType>(schema: T, path: string) => ask(schema, { method: 'GET', path: `/api/v1${path}` })
  const post = <T extends z.ZodType>(schema: T, path: string, body: unknown = {}) =>
    ask(schema, {
      method: 'POST',
      path: `/api/v1${path}`,
      body: { type: 'application/json', data: JSON.stringify(body) },
    })
  const part = encodeURIComponent

  return {
    target,
    health: () => ask(Health, { method: 'GET', path: '/api/v1/health', within: limits.client.health }),
    hosts: async () => (await get(Hosts, '/hosts')).hosts,
    invariants: () => get(InvariantsView, '/invariants'),
    stop: () => post(z.unknown(), '/stop'),
    recover: () => post(RecoverView, '/recover'),
    missing: async (digests: string[]) => (await post(Missing, '/blobs/missing', { digests })).missing,
    upload: async (digest: string, data: Uint8Array) => {
      const body = { type: 'application/octet-stream', data } as const
      ;(await call({ method: 'PUT', path: `/api/v1/blobs/${digest}`, body })).resume()
    },
    plan: (submission: Submission) => post(PlanView, '/plans', submission),
    /** How the cells of a submission stand over earlier runs. */
    cells: async (submission: Submission) => (await post(Cells, '/cells', submission)).cells,
    cellsOf: async (run: string) => (await get(Cells, `/runs/${part(run)}/cells`)).cells,
    submit: (submission: Submission) => post(RunView, '/runs', submission),
    runs: async () => (await get(Runs, '/runs')).runs,
    run: (run: string) => get(RunView, `/runs/${part(run)}`),
    cancel: (run: string, mode: 'save' | 'now') => post(RunView, `/runs/${part(run)}/cancel`, { mode }),
    pin: (run: string) => post(RunView, `/runs/${part(run)}/pin`),
    resume: (run: string, secrets: Record<string, string> = {}) =>
      post(RunView, `/runs/${part(run)}/resume`, { secrets }),
    job: (ref: string, run?: string) => get(JobDetail, `/jobs/${part(ref)}${query({ run })}`),
    why: (ref: string, run?: string) => get(WhyView, `/jobs/${part(ref)}/why${query({ run })}`),
    checkpoints: async (run: string) => (await get(Checkpoints, `/runs/${part(run)}/checkpoints`)).checkpoints,
    verifyCheckpoint: (manifest: string) => post(Verdict, '/checkpoints/verify', { manifest }),
    collect: (asked: CollectRequest) => post(CollectView, '/gc', asked),
    cached: async () => (await get(Cached, '/cache')).cached,
    cacheWhy: (ref: string) => get(CacheWhyView, `/cache/${part(ref)}/why`),
    uncache: (ref: string) => ask(Removed, { method: 'DELETE', path: `/api/v1/cache/${part(ref)}` }),
    attempt: (attempt: string) => get(Attempt, `/attempts/${part(attempt)}`),
    /** `text` is for a terminal: so wide, and coloured or not. */
    report: async (
      run: string,
      format: ReportFormat,
      rest: { width?: number; colour?: 0 | 1; gate?: readonly string[]; with?: string; gaps?: 'refuse' | 'mark' } = {},
    ) => text(await call({ method: 'GET', path: `/api/v1/runs/${part(run)}/report${query({ format, ...rest })}` })),
    /** What the gates of a run came to, and those that are asked now. */
    gates: async (run: string, gate: readonly string[] = []) =>
      (await get(Gates, `/runs/${part(run)}/gates${query({ gate })}`)).gates,
    /** What a job printed, in chunks as they come; ends when the log does, or never when following a live one. */
    logs: (ref: string, { follow, ...rest }: LogQuery, signal?: AbortSignal) =>
      call({
        method: 'GET',
        path: `/api/v1/jobs/${part(ref)}/logs${query({ ...rest, follow: follow === true ? 1 : undefined })}`,
        ...(signal === undefined ? {} : { signal }),
      }),
    /** The run at once, then whenever it changes; ends when the daemon ends it. */
    async *updates(run: string, signal?: AbortSignal): AsyncGenerator<RunView> {
      const path = `/api/v1/runs/${part(run)}/updates`
      const response = await call({ method: 'GET', path, ...(signal === undefined ? {} : { signal }) })
      for await (const { event, data } of serverEvents(response))
        if (event === 'run') yield RunView.parse(JSON.parse(data))
    },
  }
}

function query(values: Record<string, string | number | readonly string[] | undefined>): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(values))
    for (const one of value === undefined ? [] : [value].flat()) parameters.append(name, String(one))
  return parameters.size === 0 ? '' : `?${parameters}`
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return body
  }
}

function unreachable(target: Target, cause: NodeJS.ErrnoException): OrchestrateError {
  const where = target.kind === 'socket' ? target.path : target.url
  return new OrchestrateError(
    'DAEMON_UNREACHABLE',
    `the daemon at ${where} does not answer: ${cause.message || cause.code}`,
    { cause },
  )
}
