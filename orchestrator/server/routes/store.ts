import type { FastifyInstance } from 'fastify'
import { giveVerdict } from '../../store/verdict.ts'
import { type CheckpointView, CollectRequest, type CollectView, ManifestKey, type Verdict } from '../api.ts'
import { checkArgument } from '../check-argument.ts'
import type { Context } from '../conduct/context.ts'
import { findRun } from '../find.ts'
import { checkpointViews } from '../views/checkpoint-view.ts'
import { collectView } from '../views/collect-view.ts'

/** What the store holds for the runs: checkpoints, and what of it nobody needs any more. */
export function storeRoutes(app: FastifyInstance, context: Context): void {
  app.get<{ Params: { run: string } }>(
    '/api/v1/runs/:run/checkpoints',
    async (request): Promise<{ checkpoints: CheckpointView[] }> => ({
      checkpoints: await checkpointViews(context, findRun(context, request.params.run)),
    }),
  )

  app.post('/api/v1/checkpoints/verify', async (request): Promise<Verdict> => {
    const { manifest } = checkArgument(ManifestKey, request.body)
    return giveVerdict(context.store, manifest)
  })

  app.post('/api/v1/gc', async (request): Promise<CollectView> => {
    const { action, graceMs, olderThanMs } = checkArgument(CollectRequest, request.body)
    const { collector, settings } = context
    const ages = { ...settings.gc.ages, artifacts: olderThanMs ?? settings.gc.ages.artifacts }
    const options = { ages, grace: graceMs ?? settings.gc.grace }
    const pass = action === 'plan' ? await collector.plan(options) : await collector.pass(options)
    return collectView(context, pass, options)
  })
}
