import type { FastifyInstance } from 'fastify'
import { OrchestrateError } from '../../errors.ts'
import { nearestJob } from '../../plan/key-difference.ts'
import { readArtifact } from '../../store/artifacts.ts'
import { concurrently } from '../../store/concurrently.ts'
import { layout } from '../../store/layout.ts'
import { listJobs } from '../../store/survey.ts'
import type { CachedView, CacheWhyView } from '../api.ts'
import type { Context } from '../conduct/context.ts'
import { findJob } from '../find.ts'

type ByJob = { Params: { ref: string } }

/** What is cached, and why a job is not. */
export function cacheRoutes(app: FastifyInstance, context: Context): void {
  const { store, aggregates, collector } = context

  app.get('/api/v1/cache', async (): Promise<{ cached: CachedView[] }> => {
    const found = await concurrently(await listJobs(store), async (key): Promise<CachedView[]> => {
      const artifact = await readArtifact(store, key)
      if (artifact === null) return []
      const files = Object.values(artifact.outputs).flatMap((output) => output.files)
      const { stage, createdAt, seconds } = artifact
      const bytes = files.reduce((sum, { size }) => sum + size, 0)
      const runs = [...aggregates.index.runsOf(key)]
      return [{ key, stage, createdAt, seconds, files: files.length, bytes, runs }]
    })
    return { cached: found.flat().sort((a, b) => b.createdAt - a.createdAt) }
  })

  app.delete<ByJob>('/api/v1/cache/:ref', async (request) => {
    const key = await findCachedKey(context, request.params.ref)
    switch (await collector.evict(key)) {
      case 'deleted':
        return { key }
      case 'absent':
        throw new OrchestrateError('CACHE_ABSENT', `job ${key.slice(0, 7)} has no cached artifact`)
      case 'needed':
        throw new OrchestrateError('CACHE_NEEDED', `a run that isn't over needs job ${key.slice(0, 7)}`)
    }
  })

  app.get<ByJob>('/api/v1/cache/:ref/why', async (request): Promise<CacheWhyView> => {
    const { job } = findJob(context, request.params.ref, undefined)
    const done = [...aggregates.jobs.values()].filter(({ phase }) => phase === 'succeeded')
    const cached = await concurrently(done, async ({ key, planned }) =>
      (await store.head(layout.artifact(key))) ? [planned] : [],
    )
    const nearest = nearestJob(job.planned, cached.flat())
    return {
      key: job.key,
      stage: job.planned.stage,
      cached: (await readArtifact(store, job.key)) !== null,
      nearest: nearest && { key: nearest.job.key, stage: nearest.job.stage, differences: nearest.differences },
    }
  })
}

/** The ledger may not know a job that the store has. */
async function findCachedKey(context: Context, ref: string): Promise<string> {
  if (!/^[0-9a-f]{4,64}$/.test(ref)) return findJob(context, ref, undefined).job.key
  const matches = (await listJobs(context.store)).filter((key) => key.startsWith(ref))
  if (matches.length > 1) throw new OrchestrateError('JOB_AMBIGUOUS', `${matches.length} jobs start with ${ref}`)
  const [key] = matches
  if (key === undefined) throw new OrchestrateError('CACHE_ABSENT', `nothing is cached under ${ref}`)
  return key
}
