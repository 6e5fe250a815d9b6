import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectRedis, type RedisLink } from '../../../orchestrator/ledger/connect-redis.ts'
import { type EmbeddedRedis, startRedis } from '../../../orchestrator/ledger/start-redis.ts'

export type TestRedis = EmbeddedRedis & {
  /** A connection of its own; without a namespace, in one that nobody else has. All are closed at the end. */
  link(namespace?: string): Promise<RedisLink>
  /** Starts it once more on its data, after `stop`. */
  again(): Promise<void>
  end(): Promise<void>
}

export const someNamespace = (): string => `t-${randomBytes(6).toString('hex')}`

/** A folder whose path is short enough for a socket. */
export const shortFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'o-'))

/** A real Redis of this test's own, as the daemon starts it. */
export async function testRedis(): Promise<TestRedis> {
  const folder = await shortFolder()
  let redis = await startRedis(folder)
  const links: RedisLink[] = []
  return {
    ...redis,
    stop: () => redis.stop(),
    async again() {
      redis = await startRedis(folder)
    },
    async link(namespace = someNamespace()) {
      const link = await connectRedis(redis.socket, namespace)
      links.push(link)
      return link
    },
    async end() {
      await Promise.all(links.map((link) => link.close()))
      await redis.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
