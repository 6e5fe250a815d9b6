import { expect, test } from 'vitest'
import { readSettings } from '../../../orchestrator/server/settings.ts'

test.each([
  ['ORCHESTRATE_CORES', 'abc', 'a whole number of CPU cores ≥ 1'],
  ['ORCHESTRATE_CORES', '0', 'a whole number of CPU cores ≥ 1'],
  ['ORCHESTRATE_CORES', '1.5', 'a whole number of CPU cores ≥ 1'],
  ['ORCHESTRATE_IDLE_S', 'x', 'a number of seconds ≥ 0'],
  ['ORCHESTRATE_IDLE_S', '-1', 'a number of seconds ≥ 0'],
  ['ORCHESTRATE_HANG_FLOOR_S', '1m', 'a number of seconds ≥ 0'],
  ['ORCHESTRATE_GC_EVERY', '0s', 'a duration such as 10m, 24h or 30d, or never'],
  ['ORCHESTRATE_GC_GRACE', 'never', 'a duration such as 10m, 24h or 30d'],
  ['ORCHESTRATE_GC_OLDER_THAN', '30', 'a duration such as 10m, 24h or 30d'],
  ['ORCHESTRATE_CACHE', 'much', 'a size such as 50GiB'],
  ['ORCHESTRATE_STORE', 'ftp://x', 'file:///folder or s3://bucket/prefix'],
])('%s=%s is told with what was expected', (name, value, expected) => {
  expect(() => readSettings({ [name]: value })).toThrow(
    expect.objectContaining({
      code: 'ARGUMENT_INVALID',
      exit: 2,
      message: `${name} is "${value}"; expected ${expected}`,
    }),
  )
})

test('what is set is taken', () => {
  const env = {
    ORCHESTRATE_CORES: '3',
    ORCHESTRATE_IDLE_S: '0.5',
    ORCHESTRATE_HANG_FLOOR_S: '2',
    ORCHESTRATE_CACHE: '2GiB',
    ORCHESTRATE_GC_EVERY: 'never',
    ORCHESTRATE_GC_GRACE: '0s',
    ORCHESTRATE_GC_OLDER_THAN: '2d',
    REDIS_URL: 'redis://h',
    ORCHESTRATE_STORE: 's3://b/p',
  }
  expect(readSettings(env)).toMatchObject({
    cores: 3,
    idleMs: 500,
    hangFloorMs: 2000,
    cache: 2 ** 31,
    gc: { everyMs: null, grace: 0, ages: { artifacts: 2 * 86_400_000, logs: 90 * 86_400_000 } },
    redisUrl: 'redis://h',
    store: { url: 's3://b/p' },
  })
})

test('a variable that is empty is as good as none', () => {
  const names = [
    'ORCHESTRATE_STATE',
    'ORCHESTRATE_STORE',
    'ORCHESTRATE_S3_ENDPOINT',
    'AWS_ENDPOINT_URL_S3',
    'AWS_REGION',
    'REDIS_URL',
    'ORCHESTRATE_PYTHON',
    'ORCHESTRATE_CORES',
    'ORCHESTRATE_IDLE_S',
    'ORCHESTRATE_HANG_FLOOR_S',
    'ORCHESTRATE_CACHE',
    'ORCHESTRATE_GC_EVERY',
    'ORCHESTRATE_GC_GRACE',
    'ORCHESTRATE_GC_OLDER_THAN',
    'ORCHESTRATE_GC_LOGS',
  ]
  expect(readSettings(Object.fromEntries(names.map((name) => [name, ''])))).toEqual(readSettings({}))
})

test.each(['0.0.0.0', '::', '192.168.1.7', 'example.org'])(
  'to listen on %s is refused: nobody is asked who they are',
  (host) => {
    expect(() => readSettings({}, { host, port: 7420 })).toThrow(
      expect.objectContaining({ code: 'HOST_NOT_LOOPBACK', exit: 2, hint: expect.stringContaining('ssh -L') }),
    )
  },
)

test.each(['127.0.0.1', '127.1.2.3', 'localhost'])('to listen on %s is fine', (host) => {
  expect(readSettings({}, { host, port: 7420 }).tcp).toEqual({ host, port: 7420, tls: null })
})

test('other machines may come where there is TLS', () => {
  const tls = { cert: '/cert.pem', key: '/key.pem' }
  expect(readSettings({}, { host: '0.0.0.0', port: 7420, tls }).tcp).toEqual({ host: '0.0.0.0', port: 7420, tls })
})
