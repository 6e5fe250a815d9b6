import { expect, test } from 'vitest'
import { parseRedisAddress, redactAddress } from '../../../orchestrator/ledger/redis-address.ts'

const addresses = [
  ['/run/redis.sock', { path: '/run/redis.sock' }],
  ['unix:///run/my%20redis.sock?db=2', { path: '/run/my redis.sock', db: 2 }],
  ['redis://host', { host: 'host', port: 6379, db: 0 }],
  ['redis://:p%40ss@host:7000/3', { host: 'host', port: 7000, db: 3, password: 'p@ss' }],
  ['rediss://me:secret@[::1]:7001', { host: '::1', port: 7001, db: 0, username: 'me', password: 'secret', tls: {} }],
] as const

test.each(addresses)('%s is understood', (address, expected) => {
  expect(parseRedisAddress(address)).toEqual(expected)
})

const shown = [
  ['redis://me:se@cret@host/1', 'redis://me:…@host/1'],
  ['redis://:secret@host', 'redis://:…@host'],
  ['redis://host:6379', 'redis://host:6379'],
  ['/run/redis.sock', '/run/redis.sock'],
] as const

test.each(shown)('%s is shown without its password', (address, expected) => {
  expect(redactAddress(address)).toBe(expected)
})
