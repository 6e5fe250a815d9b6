import type { FastifyInstance } from 'fastify'
import { type ErrorCode, OrchestrateError } from '../../errors.ts'
import type { ErrorBody } from '../api.ts'
import { ProblemsError } from '../problems.ts'

const NOT_FOUND: ReadonlySet<ErrorCode> = new Set(['RUN_NOT_FOUND', 'JOB_NOT_FOUND', 'ATTEMPT_NOT_FOUND'])

/** Every failure leaves as one ErrorBody; what is our own fault is logged and named as such, without its insides. */
export function answerErrors(app: FastifyInstance): void {
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    if (error instanceof OrchestrateError) return reply.status(statusOf(error)).send(bodyOf(error))
    const status = error.statusCode ?? 500
    if (status < 500)
      return reply.status(status).send({
        code: 'ARGUMENT_INVALID',
        message: error.message,
        hint: 'see the API description',
        exit: 2,
      } satisfies ErrorBody)
    request.log.error({ err: error }, 'request failed')
    return reply.status(500).send({
      code: 'INTERNAL',
      message: `the control plane could not do this: ${error.message}`,
      hint: 'its log says more; runs go on',
      exit: 4,
    } satisfies ErrorBody)
  })
  app.setNotFoundHandler((request, reply) =>
    reply.status(404).send({
      code: 'ARGUMENT_INVALID',
      message: `no such address: ${request.method} ${request.url}`,
      hint: 'the client may be of another version',
      exit: 2,
    } satisfies ErrorBody),
  )
}

export function bodyOf(error: OrchestrateError): ErrorBody {
  const { code, message, hint, exit } = error
  return { code, message, hint, exit, ...(error instanceof ProblemsError ? { problems: error.problems } : {}) }
}

function statusOf(error: OrchestrateError): number {
  if (error.code === 'TOKEN_MISSING' || error.code === 'TOKEN_INVALID') return 401
  if (error.code === 'TOKEN_FORBIDDEN') return 403
  if (NOT_FOUND.has(error.code)) return 404
  return error.exit === 4 ? 503 : 422
}
