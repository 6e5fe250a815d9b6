import { execa } from 'execa'
import { type Bench, type Goal, table } from '../bench.ts'

type Told = { draws: number; seconds: number; cpu: number; memory: number[] }
type What = 'demonstrations' | 'scenes'

const DRAWS = 100_000
/** What a process may grow by once all that it keeps is kept: two pictures of every hundred samples would be more. */
const FLAT = 8 * 1024 ** 2

/** Samples drawn from small datasets of every kind, larger than what may be kept of them in memory. */
export const data: Bench = {
  about: `memory and cost of ${DRAWS.toLocaleString('en')} samples of demonstrations and of pictures with depth`,
  parts: { demonstrations: (_, seed) => draw('demonstrations', seed), scenes: (_, seed) => draw('scenes', seed) },
}

async function draw(what: What, seed: number): Promise<Goal[]> {
  const { stdout } = await execa(
    process.env.ORCHESTRATE_PYTHON ?? '.venv/bin/python',
    ['test/bench/data/draws.py', what, String(DRAWS), String(seed)],
    { env: { PYTHONPATH: 'worker-images', OMP_NUM_THREADS: '1' } },
  )
  const told: Told = JSON.parse(stdout)
  // The first tenth fills what is kept.
  const settled = told.memory.slice(Math.ceil(told.memory.length / 10))
  const grown = (settled.at(-1) ?? Number.NaN) - (settled[0] ?? Number.NaN)
  const [least, most] = [Math.min(...settled), Math.max(...settled)]
  console.log(`${what}, pictures of 32 x 32`)
  console.log(
    table([
      ['', 'samples', 's', 'CPU ms a sample', 'memory, MiB', 'least', 'most', 'grown by'],
      [
        what,
        told.draws.toLocaleString('en'),
        told.seconds.toFixed(0),
        ((1000 * told.cpu) / told.draws).toFixed(2),
        mebi(settled[0] ?? Number.NaN),
        mebi(least),
        mebi(most),
        mebi(grown),
      ],
    ]),
  )
  return [{ what: `memory of ${what} stays flat (≤ 8 MiB)`, measured: `${mebi(grown)} MiB`, met: grown <= FLAT }]
}

const mebi = (bytes: number): string => (bytes / 1024 ** 2).toFixed(1)
