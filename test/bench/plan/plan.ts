import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Bench, type Goal, table } from '../bench.ts'
import { median } from '../statistics.ts'
import type { Once } from './once.ts'

const VARIANTS = 7
/** Of each of the variants: about 100, 1,000, 3,000 and 10,000 cells. */
const SEEDS = [15, 143, 429, 1428]
const ROUNDS = 5
/** Bytes a cell may grow by this from a thousand cells to ten thousand. */
const MOST_GROWTH = 1.2

/** Cells against the time and the memory that planning takes: the file as text in, what the terminal shows out. */
export const plan: Bench = {
  about: 'cells against planning time and memory, to 10,000',
  notes: [
    'Each planning is a process of its own, with nothing warm: reading the file, checking it, hashing the code, the jobs and their keys, what `plan` prints. Starting the process and looking into the store are not in it.',
    `The file is \`jobs/ablations-quickstart.yaml\` (${VARIANTS} variants) with an axis of seeds.`,
    `Medians of ${ROUNDS}; × is to the row above. "Kept" is the heap that pipeline and plan hold on to, "most" the whole process at its largest.`,
  ],
  parts: { cells: measureCells },
}

const run = promisify(execFile)

async function measureCells(): Promise<Goal[]> {
  const found: Once[] = []
  for (const seeds of SEEDS) {
    const rounds: Once[] = []
    for (let round = 0; round < ROUNDS; round++) rounds.push(await planOnce(seeds))
    const [first] = rounds
    if (!first) continue
    const middle = (pick: (one: Once) => number) => median(rounds.map(pick))
    found.push({ ...first, ms: middle(({ ms }) => ms), bytes: middle(({ bytes }) => bytes) })
  }
  console.log(table([titles, ...found.map((one, index) => row(one, found[index - 1]))]))
  const [, thousand, , most] = found
  if (!thousand || !most) return []
  const growth = most.bytes / most.cells / (thousand.bytes / thousand.cells)
  return [
    goal('1,000 cells in under a second', `${Math.round(thousand.ms)} ms`, thousand.ms < 1000),
    goal('10,000 cells in under ten seconds', `${Math.round(most.ms)} ms`, most.ms < 10_000),
    goal(
      `memory in proportion: a cell takes no more than × ${MOST_GROWTH}`,
      `× ${growth.toFixed(2)}`,
      growth <= MOST_GROWTH,
    ),
  ]
}

const goal = (what: string, measured: string, met: boolean): Goal => ({ what, measured, met })

async function planOnce(seeds: number): Promise<Once> {
  const { stdout } = await run(process.execPath, ['--expose-gc', join(import.meta.dirname, 'once.ts'), String(seeds)])
  return JSON.parse(stdout)
}

const titles = ['cells', '×', 'jobs', 'lines printed', 'ms', '×', 'kept MB', '×', 'most MB']

function row(one: Once, above: Once | undefined): string[] {
  const times = (pick: (once: Once) => number) => (above ? (pick(one) / pick(above)).toFixed(1) : '')
  return [
    String(one.cells),
    times(({ cells }) => cells),
    String(one.jobs),
    String(one.lines),
    String(Math.round(one.ms)),
    times(({ ms }) => ms),
    (one.bytes / 1e6).toFixed(1),
    times(({ bytes }) => bytes),
    String(Math.round(one.most / 1e6)),
  ]
}
