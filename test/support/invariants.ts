import { expect } from 'vitest'
import type { Daemon } from './spawn-daemon.ts'

/** What should always be so is so, in a daemon that is at work. */
export async function expectInvariants({ client }: Pick<Daemon, 'client'>): Promise<void> {
  expect((await client.invariants()).violations).toEqual([])
}
