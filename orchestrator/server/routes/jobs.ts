import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { OrchestrateError } from '../../errors.ts'
import { JobFile } from '../../protocol/job-file.ts'
import type { JobDetail, Trouble, WhyView } from '../api.ts'
import { checkArgument } from '../check-argument.ts'
import type { Context } from '../conduct/context.ts'
import { findAttempt, findJob, newestFirst } from '../find.ts'
import { followLog, tailOf } from '../log-files.ts'
import { attemptView, jobView } from '../views/job-view.ts'
import { whyView } from '../views/why.ts'

type ByJob = { Params: { ref: string }; Querystring: Record<string, string | undefined> }

const LogQuery = z.object({
  run: z.string().optional(),
  rank: z.coerce.number().int().min(0).default(0),
  stream: z.enum(['stdout', 'stderr']).default('stdout'),
  shard: z.coerce.number().int().min(0).default(0),
  attempt: z.string().optional(),
  tail: z.coerce.number().int().min(0).optional(),
  follow: z.enum(['0', '1']).default('0'),
})

const troubleSentence = ({ what, code, since }: Trouble): string =>
  `since ${new Date(since).toISOString()}: ${what} (${code}); attempts go on`

export function jobRoutes(app: FastifyInstance, context: Context): void {
  app.get<ByJob>('/api/v1/jobs/:ref', async (request): Promise<JobDetail> => {
    const { job, run } = findJob(context, request.params.ref, request.query.run)
    const of = run ?? newestFirst(context).find((one) => one.submitted.jobs.includes(job.key))
    if (!of) throw new OrchestrateError('JOB_NOT_FOUND', `no run wants ${request.params.ref}`)
    return {
      ...(await jobView(context, job, of)),
      attemptList: job.attempts.map((attempt) => attemptView(context, job, attempt)),
      entry: job.planned.entry,
      config: job.planned.config,
      parts: job.planned.parts,
      runs: [...context.aggregates.runs.values()]
        .filter((one) => one.submitted.jobs.includes(job.key))
        .map((one) => one.submitted.run),
    }
  })

  app.get<ByJob>('/api/v1/jobs/:ref/why', async (request): Promise<WhyView> => {
    const { job, run } = findJob(context, request.params.ref, request.query.run)
    const why = await whyView(context, job, run?.submitted.run ?? null)
    const troubles = context.troubles.list().map(troubleSentence)
    return { ...why, evidence: [...troubles, ...why.evidence] }
  })

  app.get<ByJob>('/api/v1/jobs/:ref/logs', async (request, reply) => {
    const query = checkArgument(LogQuery, request.query)
    const { job } = findJob(context, request.params.ref, query.run)
    const attempt = query.attempt
      ? findAttempt(context, query.attempt).attempt
      : job.attempts.findLast((one) => one.shard === query.shard && !one.revoked)
    if (!attempt)
      throw new OrchestrateError('ATTEMPT_NOT_FOUND', `${job.planned.stage} was not started yet, so it has no log`)
    const path = join(context.engine(job.planned.pool).directory(attempt.attempt), `${query.stream}.${query.rank}.log`)
    const over = (): boolean =>
      context.aggregates.jobs.get(job.key)?.attempts.find((one) => one.attempt === attempt.attempt)?.endedAt !== null
    reply.type('text/plain; charset=utf-8')
    if (query.follow === '0') return reply.send(await tailOf(path, query.tail ?? null))
    return reply.send(followLog(path, query.tail ?? null, over))
  })

  app.get<{ Params: { attempt: string } }>('/api/v1/attempts/:attempt', async (request) => {
    const { job, attempt } = findAttempt(context, request.params.attempt)
    const view = attemptView(context, job, attempt)
    const text = await readFile(join(view.directory, 'job.json'), 'utf8').catch(() => null)
    if (text === null)
      throw new OrchestrateError(
        'ATTEMPT_NOT_FOUND',
        `${attempt.attempt} left no job.json: it was never launched, or its directory was removed`,
      )
    return { attempt: view, job: readJobFile(text, view.directory) }
  })
}

function readJobFile(text: string, directory: string): JobFile {
  try {
    return JobFile.parse(JSON.parse(text))
  } catch (cause) {
    throw new OrchestrateError('JOB_FILE_INVALID', `${directory}/job.json is not what was written there`, { cause })
  }
}
