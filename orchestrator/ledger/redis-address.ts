import type { ConnectionOptions } from 'node:tls'
import type { RedisOptions as AllOptions } from 'ioredis'
import { OrchestrateError } from '../errors.ts'

/** Without the option that changes the types of replies. */
export type RedisOptions = Omit<AllOptions, 'replyMapping'>

/**
 * What ioredis needs to reach an address: `redis://` or `rediss://` (TLS) with user, password and database as usual,
 * or a unix socket as an absolute path or `unix:///path?db=n`. `tls`: certificates, for `rediss://`.
 */
export function parseRedisAddress(address: string, tls: ConnectionOptions = {}): RedisOptions {
  if (address.startsWith('/')) return { path: address }
  const url = URL.canParse(address) ? new URL(address) : null
  if (url?.protocol === 'unix:')
    return { path: decodeURIComponent(url.pathname), db: Number(url.searchParams.get('db') ?? 0) }
  if (!url?.hostname || !['redis:', 'rediss:'].includes(url.protocol)) {
    throw new OrchestrateError(
      'REDIS_UNREACHABLE',
      `${redactAddress(address)} is not a Redis address; expected redis://host:port/db, rediss://… or unix:///path`,
    )
  }
  const db = Number(url.pathname.slice(1) || 0)
  if (!Number.isInteger(db))
    throw new OrchestrateError('REDIS_UNREACHABLE', `${redactAddress(address)}: the database must be a number`)
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port || 6379),
    db,
    ...(url.username ? { username: decodeURIComponent(url.username) } : {}),
    ...(url.password ? { password: decodeURIComponent(url.password) } : {}),
    ...(url.protocol === 'rediss:' ? { tls } : {}),
  }
}

/** The address as it may be shown: without its password. */
export function redactAddress(address: string): string {
  return address.replace(/^([a-z]+:\/\/[^:@/]*):.*@/i, '$1:…@')
}
