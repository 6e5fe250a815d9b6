import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Context } from '../conduct/context.ts'
import { findJob, newestFirst } from '../find.ts'
import { type Access, accessOf, forbidden, isOwn } from './access.ts'
import type { Token } from './token.ts'

declare module 'fastify' {
  interface FastifyRequest {
    access: Access
  }
}

/** Besides what names a run or a job, which has to be its own. Whatever is not listed is forbidden, new routes too. */
const open = new Set([
  'GET /api/v1/health',
  'POST /api/v1/blobs/missing',
  'PUT /api/v1/blobs/:sha256',
  'POST /api/v1/plans',
  'POST /api/v1/cells',
  'POST /api/v1/runs',
  'GET /api/v1/runs',
  'GET /api/v1/hosts',
])
const ofRun = new Set([
  'GET /api/v1/runs/:run',
  'POST /api/v1/runs/:run/cancel',
  'GET /api/v1/runs/:run/cells',
  'GET /api/v1/runs/:run/updates',
  'GET /api/v1/runs/:run/report',
  'GET /api/v1/runs/:run/gates',
  'GET /api/v1/runs/:run/checkpoints',
])
const ofJob = new Set(['GET /api/v1/jobs/:ref', 'GET /api/v1/jobs/:ref/why', 'GET /api/v1/jobs/:ref/logs'])

/** Asks whoever comes by an address who they are, before anything of a request is read but its head. */
export function guard(app: FastifyInstance, context: Context, isLocal: (request: IncomingMessage) => boolean): void {
  app.decorateRequest('access', null)
  app.addHook('onRequest', async (request) => {
    if (isLocal(request.raw)) return
    request.access = await accessOf(context.settings, request.headers.authorization)
    if (request.access !== null) confine(context, request.access, request)
  })
}

function confine(context: Context, token: Token, request: FastifyRequest): void {
  const route = `${request.method} ${request.routeOptions.url}`
  const { run, ref } = request.params as { run?: string; ref?: string }
  const query = request.query as { run?: string; attempt?: string }
  if (open.has(route)) return
  if (ofRun.has(route) && run !== undefined) {
    request.params = { run: ownRun(context, token, run) }
    // A report may be asked to put other runs beside it: they have to be its own too.
    const query = request.query as { with?: unknown }
    if (query.with !== undefined)
      query.with = String(query.with)
        .split(',')
        .filter(Boolean)
        .map((ref) => ownRun(context, token, ref))
        .join(',')
  } else if (ofJob.has(route) && ref !== undefined) {
    query.run = ownRun(context, token, query.run ?? 'latest')
    const found = findJob(context, ref, query.run)
    const isOfJob = query.attempt === undefined || found.job.attempts.some((one) => one.attempt === query.attempt)
    if (found.run === null || !isOfJob)
      throw forbidden(token, `read ${query.attempt ?? ref}, which is not of ${query.run}`)
  } else throw forbidden(token, `do ${request.method} ${request.url.split('?')[0]}`)
}

/** The same answer whether a run is another's or none at all. */
function ownRun(context: Context, token: Token, ref: string): string {
  const own = newestFirst(context).filter((run) => isOwn(token, run))
  const run = ref === 'latest' ? own[0] : own.find((one) => one.submitted.run === ref)
  if (run === undefined) throw forbidden(token, `see or change the run ${ref}`)
  return run.submitted.run
}
