import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { verdicts } from '../../report/gates/judge.ts'
import { cellLedger, cellsOfRuns } from '../../run/cell-ledger.ts'
import type { Run, RunCell } from '../../run/run.ts'
import { type Access, isOwn } from '../access/access.ts'
import { runAggregate } from '../aggregates.ts'
import { type CellStandingView, type PlanView, reportFormats, Submission } from '../api.ts'
import { checkArgument } from '../check-argument.ts'
import type { Context } from '../conduct/context.ts'
import { findRun, newestFirst, runsOf } from '../find.ts'
import { gatherReport } from '../reports/gather.ts'
import { withGates } from '../reports/with-gates.ts'
import { renderReport } from '../reports/write-report.ts'
import { findCached, planSubmission, submit } from '../submit.ts'
import { planView } from '../views/plan-view.ts'
import { runView } from '../views/run-view.ts'

const UPDATE_MS = 200
const Resume = z.strictObject({ secrets: z.record(z.string(), z.string()).default({}) })

const Gates = z.object({
  gate: z
    .union([z.string(), z.array(z.string())])
    .default([])
    .transform((gate) => (typeof gate === 'string' ? [gate] : gate)),
})

const ReportQuery = Gates.extend({
  /** More runs of the same matrix, with commas between them. */
  with: z.string().default(''),
  gaps: z.enum(['refuse', 'mark']).default('refuse'),
  format: z.enum(reportFormats).default('html'),
  width: z.coerce.number().int().min(20).max(500).default(120),
  colour: z
    .enum(['0', '1'])
    .default('0')
    .transform((flag) => flag === '1'),
})

type ByRun = { Params: { run: string } }

export function runRoutes(app: FastifyInstance, context: Context): void {
  const change = async (id: string): Promise<void> => {
    await context.journal.flush()
    await context.commands
      .send(runAggregate(id))
      .catch((error: unknown) => context.log.warn({ err: error, run: id }, 'no look was asked for; the sweep comes by'))
  }

  app.post('/api/v1/plans', async (request): Promise<PlanView> => {
    const { pipeline, plan } = await planSubmission(context, checkArgument(Submission, request.body), request.access)
    return planView(pipeline.name, plan, await findCached(context, plan.jobs), context.aggregates.jobs.values())
  })

  const standings = (access: Access, cells: readonly Pick<RunCell, 'name' | 'jobs'>[], runs: Run[]) =>
    cellLedger(
      cells,
      runs.filter((run) => isOwn(access, run)),
      (key) => context.aggregates.jobs.get(key),
    )

  app.post('/api/v1/cells', async ({ access, body }): Promise<{ cells: CellStandingView[] }> => {
    const { pipeline, plan } = await planSubmission(context, checkArgument(Submission, body), access)
    return { cells: standings(access, plan.cells, runsOf(context, pipeline.name)) }
  })

  app.get<ByRun>('/api/v1/runs/:run/cells', async ({ access, params }): Promise<{ cells: CellStandingView[] }> => {
    const runs = runsOf(context, findRun(context, params.run).submitted.pipeline).filter((run) => isOwn(access, run))
    return { cells: standings(access, cellsOfRuns(runs), runs) }
  })

  app.post('/api/v1/runs', async (request, reply) => {
    const id = await submit(context, checkArgument(Submission, request.body), request.access)
    return reply.status(201).send(await runView(context, findRun(context, id)))
  })

  app.get('/api/v1/runs', async (request) => {
    const own = newestFirst(context).filter((run) => isOwn(request.access, run))
    return { runs: await Promise.all(own.map((run) => runView(context, run))) }
  })

  app.get<ByRun>('/api/v1/runs/:run', async (request) => runView(context, findRun(context, request.params.run)))

  app.post<ByRun>('/api/v1/runs/:run/cancel', async (request) => {
    const { mode } = checkArgument(z.strictObject({ mode: z.enum(['save', 'now']) }), request.body)
    const id = findRun(context, request.params.run).submitted.run
    await context.aggregates.updateRun(id, (run) =>
      run?.state === 'running' && run.cancelled !== mode && run.cancelled !== 'now'
        ? [{ type: 'run.cancelled', mode }]
        : [],
    )
    await change(id)
    return runView(context, findRun(context, id))
  })

  app.post<ByRun>('/api/v1/runs/:run/pin', async (request) => {
    const id = findRun(context, request.params.run).submitted.run
    await context.aggregates.updateRun(id, (run) => (run && !run.pinned ? [{ type: 'run.pinned' }] : []))
    await context.journal.flush()
    return runView(context, findRun(context, id))
  })

  app.post<ByRun>('/api/v1/runs/:run/resume', async (request) => {
    const { secrets } = checkArgument(Resume, request.body ?? {})
    const id = findRun(context, request.params.run).submitted.run
    context.secrets.keep(id, secrets)
    await context.aggregates.updateRun(id, (run) =>
      run && (run.state === 'failed' || run.state === 'cancelled') ? [{ type: 'run.resumed' }] : [],
    )
    await change(id)
    return runView(context, findRun(context, id))
  })

  app.get<ByRun>('/api/v1/runs/:run/updates', async (request, reply) => {
    const id = findRun(context, request.params.run).submitted.run
    reply.hijack()
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    let last = ''
    const stop = context.changes.follow(UPDATE_MS, async () => {
      // Asked before the view is made: a report that is ready in between is then in it, or there is one more view.
      const reporting = context.reporting.has(id)
      const view = await runView(context, findRun(context, id))
      const text = JSON.stringify(view)
      if (text !== last && !reply.raw.writableEnded) reply.raw.write(`event: run\ndata: ${text}\n\n`)
      last = text
      if (view.state !== 'running' && !reporting) reply.raw.end()
    })
    context.changes.tell()
    request.raw.on('close', stop)
    reply.raw.on('close', stop)
  })

  app.get<ByRun & { Querystring: unknown }>('/api/v1/runs/:run/gates', async (request) => {
    const { gate } = checkArgument(Gates, request.query)
    const run = findRun(context, request.params.run)
    const none = gate.length === 0 && (run.submitted.gates ?? []).length === 0
    return { gates: none ? [] : verdicts(withGates(await gatherReport(context, run), gate)) }
  })

  app.get<ByRun & { Querystring: unknown }>('/api/v1/runs/:run/report', async (request, reply) => {
    const { format, gate, with: more, gaps, ...terminal } = checkArgument(ReportQuery, request.query)
    const types = {
      html: 'text/html',
      md: 'text/markdown',
      json: 'application/json',
      text: 'text/plain',
      csv: 'text/csv',
      latex: 'application/x-tex',
    } as const
    const others = [...new Set(more.split(',').filter(Boolean))].map((id) => findRun(context, id))
    const first = findRun(context, request.params.run)
    const runs = others.filter((run) => run.submitted.run !== first.submitted.run)
    const text = await renderReport(context, [first, ...runs], gaps, format, terminal, gate)
    return reply.type(`${types[format]}; charset=utf-8`).send(text)
  })
}
