import { OrchestrateError } from '../../errors.ts'
import type { Run } from '../../run/run.ts'
import type { Settings } from '../settings.ts'
import { isNamed, isSecretOf, readToken, type Token } from './token.ts'
import { asksForTokens, findToken } from './token-files.ts'

/** Whose request it is: null is this user on this machine, who may do everything. */
export type Access = Token | null

/** Finds out who asks from an address; throws TOKEN_MISSING or TOKEN_INVALID. */
export async function accessOf({ stateDir, tcp }: Settings, authorization: string | undefined): Promise<Access> {
  // With TLS other machines may come: there is never a time when they need no token.
  if (!tcp?.tls && !asksForTokens(stateDir)) return null
  const [, text] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? []
  if (text === undefined)
    throw new OrchestrateError('TOKEN_MISSING', 'this address asks for a token, and none was sent')
  const given = readToken(text)
  const token = given && (await findToken(stateDir, given.id))
  if (!given || !token || !isSecretOf(token, given.secret))
    throw new OrchestrateError('TOKEN_INVALID', 'the token is none that this server knows')
  if (token.expiresAt !== null && token.expiresAt <= Date.now())
    throw new OrchestrateError(
      'TOKEN_INVALID',
      `the token ${token.name} expired at ${new Date(token.expiresAt).toISOString()}`,
    )
  return token
}

export const isOwn = (access: Access, run: Run): boolean => access === null || run.submitted.token === access.id

export const mayUse = (access: Access, pool: string): boolean => access === null || isNamed(access.pools, pool)

/** A token submits what it names, to where it names. */
export function checkSubmission(access: Access, pipeline: string, pools: Iterable<string>): void {
  if (access === null) return
  if (!isNamed(access.pipelines, pipeline)) throw forbidden(access, `submit the pipeline ${pipeline}`)
  for (const pool of pools) if (!mayUse(access, pool)) throw forbidden(access, `use the pool ${pool}`)
}

export function forbidden(token: Token, what: string): OrchestrateError {
  const bounds = `pipelines ${token.pipelines.join(', ')} on pools ${token.pools.join(', ')}`
  return new OrchestrateError(
    'TOKEN_FORBIDDEN',
    `the token ${token.name} (${token.role}: ${bounds}, its own runs) may not ${what}`,
  )
}
