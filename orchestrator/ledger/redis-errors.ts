import { type ErrorCode, OrchestrateError } from '../errors.ts'

/**
 * A failure of ioredis as a coded error. What Redis itself refuses says which word it begins with (NOAUTH, OOM, …);
 * everything else is a connection that isn't there. A command that ran into this may have been carried out or not.
 */
export function asRedisError(error: unknown, address: string): OrchestrateError {
  if (error instanceof OrchestrateError) return error
  // Where in which script is nothing that a user could use.
  const message = (error instanceof Error ? describe(error) : String(error)).replace(/\.? script: [0-9a-f]{40}.*$/s, '')
  return new OrchestrateError(codeOf(message), `Redis at ${address}: ${message}`, { cause: error })
}

/** The server at the address isn't the one whose data were compared with what is known; nothing was written to it. */
export const restarted = (address: string): OrchestrateError =>
  new OrchestrateError('REDIS_RESTARTED', `Redis at ${address} was started anew; what it has is being compared`)

function codeOf(message: string): ErrorCode {
  if (/^(NOAUTH|WRONGPASS|NOPERM|ERR invalid password|ERR AUTH)/i.test(message)) return 'REDIS_DENIED'
  // Redis 6 wraps what a script ran into: "ERR Error running script …: -OOM command not allowed …".
  if (/(^|: -)(READONLY|OOM|MISCONF|NOREPLICAS)\b/.test(message)) return 'REDIS_UNWRITABLE'
  if (/certificate|altnames|self-signed/i.test(message)) return 'REDIS_UNTRUSTED'
  return 'REDIS_UNREACHABLE'
}

// Node reports a host with several addresses as one error without a message that holds one error per address.
function describe(error: Error): string {
  const inner = error instanceof AggregateError ? error.errors.map((each) => describe(each as Error)).join('; ') : ''
  return error.message || inner || error.name
}
