import { ErrorBody } from '../../server/api.ts'

/** An error that the daemon answered with, code and all; a newer daemon may use codes that this build doesn't know. */
export class ApiError extends Error {
  readonly code: string
  readonly hint: string
  readonly exit: number
  readonly problems: NonNullable<ErrorBody['problems']>

  constructor(body: ErrorBody) {
    super(body.message)
    this.name = 'ApiError'
    this.code = body.code
    this.hint = body.hint
    this.exit = body.exit
    this.problems = body.problems ?? []
  }
}

/** The error in an answer's body; null when it holds none, as from a proxy in between. */
export function apiErrorFrom(body: string): ApiError | null {
  try {
    const parsed = ErrorBody.safeParse(JSON.parse(body))
    return parsed.success ? new ApiError(parsed.data) : null
  } catch {
    return null
  }
}
