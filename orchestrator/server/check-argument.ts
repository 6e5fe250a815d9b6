import type { z } from 'zod'
import { OrchestrateError } from '../errors.ts'

/** Checks what came in over HTTP; the first thing wrong with it is the answer. */
export function checkArgument<T extends z.ZodType>(schema: T, value: unknown): z.infer<T> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new OrchestrateError(
    'ARGUMENT_INVALID',
    `${issue?.path.join('.') || 'request'}: ${issue?.message ?? 'not understood'}`,
  )
}
