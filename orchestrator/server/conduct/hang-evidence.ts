import { open, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RankProcess } from '../../engines/engine.ts'
import type { RankEvidence } from '../../run/name-hang.ts'
import type { Pulse } from '../../run/pulse.ts'
import { readStacks } from '../../run/stack.ts'

/** What a rank says when it is asked where it is; the rest of a longer answer is left out. */
const MOST_BYTES = 1 << 20

const errorLog = (directory: string, rank: number): string => join(directory, `stderr.${rank}.log`)

/** How long each rank's standard error is now: what comes after is its answer. */
export function sizesOf(directory: string, ranks: number): Promise<number[]> {
  return Promise.all(Array.from({ length: ranks }, (_, rank) => sizeOf(errorLog(directory, rank))))
}

/** How much the ranks have printed, to tell whether it has become more. */
export async function printed(directory: string, ranks: number): Promise<number> {
  const files = Array.from({ length: ranks }, (_, rank) => [
    errorLog(directory, rank),
    join(directory, `stdout.${rank}.log`),
  ])
  return (await Promise.all(files.flat().map(sizeOf))).reduce((sum, size) => sum + size, 0)
}

const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => null))?.size ?? 0

/** Reads what the ranks have answered, and keeps it in `stacks.<rank>.txt`: standard error may drop it. */
export function takeEvidence(
  directory: string,
  sizes: readonly number[],
  processes: readonly RankProcess[] | null,
  pulse: Pulse,
): Promise<RankEvidence[]> {
  return Promise.all(
    sizes.map(async (size, rank): Promise<RankEvidence> => {
      const text = await readFrom(errorLog(directory, rank), size)
      if (text !== '') await writeFile(join(directory, `stacks.${rank}.txt`), text)
      const state = processes === null ? null : (processes.find((one) => one.rank === rank)?.state ?? 'gone')
      return { rank, state, stacks: readStacks(text), step: pulse.ranks.get(rank)?.step ?? null }
    }),
  )
}

async function readFrom(path: string, offset: number): Promise<string> {
  const handle = await open(path).catch(() => null)
  if (!handle) return ''
  try {
    const { size } = await handle.stat()
    // A log that is shorter than it was has dropped its middle meanwhile: the answer is somewhere in its end.
    const start = Math.max(size < offset ? 0 : offset, size - MOST_BYTES)
    const { buffer } = await handle.read(Buffer.alloc(size - start), 0, size - start, start)
    return buffer.toString('utf8')
  } finally {
    await handle.close()
  }
}
