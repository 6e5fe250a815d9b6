import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { missingBlobs, putBlob } from '../../store/code.ts'
import { mayUse } from '../access/access.ts'
import type { Health, InvariantsView, RecoverView } from '../api.ts'
import { checkArgument } from '../check-argument.ts'
import { checkInvariants } from '../conduct/check-invariants.ts'
import type { Context } from '../conduct/context.ts'
import { hostViews } from '../views/host-views.ts'

const Digest = z.string().regex(/^[0-9a-f]{64}$/)

export function daemonRoutes(app: FastifyInstance, context: Context, health: () => Health, stop: () => void): void {
  app.get('/api/v1/health', async () => health())

  app.post('/api/v1/stop', async (_, reply) => {
    await reply.send({})
    stop()
  })

  app.get('/api/v1/invariants', async (): Promise<InvariantsView> => {
    const violations = await checkInvariants(context)
    return { checkedAt: Date.now(), violations }
  })

  app.get('/api/v1/hosts', async (request) => ({
    hosts: hostViews(context).filter(({ pool }) => mayUse(request.access, pool)),
  }))

  app.post('/api/v1/recover', async (): Promise<RecoverView> => {
    const before = [...context.recovery.findings]
    return { now: await context.recovery.asked(), before }
  })

  app.post('/api/v1/blobs/missing', async (request) => {
    const { digests } = checkArgument(z.strictObject({ digests: z.array(Digest).max(100_000) }), request.body)
    return { missing: await missingBlobs(context.store, digests) }
  })

  app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  )
  app.put<{ Params: { sha256: string }; Body: Buffer }>('/api/v1/blobs/:sha256', async (request, reply) => {
    const digest = checkArgument(Digest, request.params.sha256)
    await putBlob(context.store, request.body, digest)
    return reply.status(201).send({})
  })
}
