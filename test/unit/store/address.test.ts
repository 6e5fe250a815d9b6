import { expect, test } from 'vitest'
import { openStore } from '../../../orchestrator/store/open-store.ts'

test.each(['', 'somewhere', '/a/folder', 'file://host/folder', 'file:///', 's3://', 's3:///prefix', 'http://bucket/x'])(
  'refuses %j as the address of a store',
  async (url) => {
    await expect(openStore({ url })).rejects.toMatchObject({ code: 'STORE_ADDRESS_INVALID' })
  },
)

test.each([
  ['file:///a/folder', 'file:///a/folder'],
  ['file:///a%20b/', 'file:///a%20b'],
  ['s3://bucket', 's3://bucket'],
  ['s3://bucket/pre/fix/', 's3://bucket/pre/fix'],
])('takes %s', async (url, shown) => {
  expect((await openStore({ url })).url).toBe(shown)
})

test.each(['s3://bucket/../x', 's3://bucket/a//b'])('refuses a prefix that is no key: %s', async (url) => {
  await expect(openStore({ url: url.replace('..', '%2e%2e%2f') })).rejects.toMatchObject({ code: 'KEY_INVALID' })
})
