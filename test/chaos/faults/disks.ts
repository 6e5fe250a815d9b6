import { execFileSync } from 'node:child_process'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { between, type Fault, now, type Strike, type Struck } from '../fault.ts'
import { serves } from '../recovery.ts'
import type { World } from '../world.ts'

const PIECE = Buffer.alloc(1 << 20)

/** Fills a file system to its last byte; returns the way to make room again. */
async function fill(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'ballast')
  const file = await open(path, 'w')
  try {
    for (let size = PIECE.length; size > 0; ) {
      try {
        await file.write(PIECE, 0, size)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        size = Math.floor(size / 2)
      }
    }
  } finally {
    await file.close()
  }
  return () => rm(path)
}

async function forAWhile(strike: Strike, harm: () => Promise<() => unknown>): Promise<Struck> {
  const { dice, signal } = strike
  const undo = await harm()
  const at = now()
  const recovered = serves(strike)
  recovered.catch(() => {}) // awaited below, by whoever struck
  await pause(between(500, 3000, dice), undefined, { signal }).finally(undo)
  return { at, recovered }
}

const filled = (about: string, which: (world: World) => string | null): Fault => ({
  about,
  missing: (world) => (which(world) ? null : 'it has no small file system to be filled'),
  strike: async (strike) => {
    const folder = which(strike.world)
    return folder === null ? null : forAWhile(strike, () => fill(folder))
  },
})

export const storeFull = filled('the disk of the store: full for 0.5 to 3 s', ({ small }) => small.store)

export const stateFull = filled('the disk of the state directory: full for 0.5 to 3 s', ({ small }) => small.state)

export const storeReadOnly: Fault = {
  about: 'the disk of the store: read-only for 0.5 to 3 s',
  missing: ({ small }) => (small.store ? null : 'it has no file system of its own'),
  strike: async (strike) => {
    const folder = strike.world.small.store ?? ''
    try {
      remount(folder, 'ro')
    } catch {
      return null // somebody writes to it at this moment
    }
    return forAWhile(strike, async () => () => remount(folder, 'rw'))
  },
}

const remount = (folder: string, how: 'ro' | 'rw'): unknown =>
  execFileSync('mount', ['-o', `remount,${how}`, folder], { stdio: 'ignore' })
