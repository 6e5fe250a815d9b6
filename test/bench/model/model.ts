import { availableParallelism } from 'node:os'
import { execa } from 'execa'
import { type Bench, type Goal, table } from '../bench.ts'
import type { Lab } from '../lab.ts'
import { median, quantile } from '../statistics.ts'

type Variant = 'full' | 'without'
type Told = { device: string; on: string; threads: number; precision: string; torch: string }
type Timed = Told & { ms: Record<Variant, number[]>; flops: Record<Variant, number> }
type Sized = Told & { bytes: { weights: number; peak: number } }

/** The paper's: 210 ms with the depth expert and 190 without, on a 4090. It counts for that size on a GPU. */
const PUBLISHED_RATIO = 210 / 190
/** Of dense bf16 products, by the vendor's data sheets: what a share of the peak is a share of. */
const PEAK_FLOPS: Record<string, number> = { H100: 989e12, H200: 989e12, A100: 312e12, '4090': 165e12 }
const ROUNDS = 20
/** Of `policy.py`'s training step. */
const BATCH = 4
/** Of each reader. */
const SAMPLES = 256

/** What the depth expert costs (the same model with it and without it, in turns), and whether data keeps up. */
export const model: Bench = {
  about:
    'DepthVLA beside itself without the depth expert: latency of an action chunk, training step, memory; readers, labellers',
  parts: {
    latency: (_, seed) => compare('latency', seed),
    step: (_, seed) => compare('step', seed),
    memory: sizes,
    readers: (_, seed) => readers(seed),
    labellers: (_, seed) => labellers(seed),
  },
}

/** A machine with a GPU is asked about the paper's size, in bf16; another about one that fits it. */
async function preset(): Promise<'paper' | 'small'> {
  const asked = await python('-c', ['import torch; print(int(torch.cuda.is_available()))'])
  return asked.trim() === '1' ? 'paper' : 'small'
}

async function compare(what: 'latency' | 'step', seed: number): Promise<Goal[]> {
  const size = await preset()
  const told: Timed = JSON.parse(await python('test/bench/model/policy.py', [what, size, String(ROUNDS), String(seed)]))
  const { full, without } = told.ms
  const ratio = full.map((ms, round) => ms / (without[round] ?? Number.NaN))
  const thing =
    what === 'latency' ? 'an action chunk (1 observation, 10 flow steps)' : 'a training step (batch 4, both losses)'
  console.log(`${thing}, preset ${size}, ms; ${where(told)}`)
  const row = (name: string, ms: number[], flops: number): string[] => [
    name,
    median(ms).toFixed(1),
    quantile(ms, 0.95).toFixed(1),
    (flops / 1e9).toFixed(1),
    share(told, flops, median(ms)),
  ]
  console.log(
    table([
      ['', 'p50', 'p95', 'GFLOP', 'of peak'],
      row('with the depth expert', full, told.flops.full),
      row('without', without, told.flops.without),
    ]),
  )
  console.log(
    `  ratio, median of ${ROUNDS} pairs: ${median(ratio).toFixed(3)} (quartiles ${quantile(ratio, 0.25).toFixed(3)} to ${quantile(ratio, 0.75).toFixed(3)}); of FLOPs: ${(told.flops.full / told.flops.without).toFixed(3)}`,
  )
  if (what === 'step' || size !== 'paper') return []
  const met = median(ratio) <= PUBLISHED_RATIO
  return [
    {
      what: `latency of a chunk ≤ ${PUBLISHED_RATIO.toFixed(3)} × without depth`,
      measured: median(ratio).toFixed(3),
      met,
    },
  ]
}

async function sizes(_: Lab, seed: number): Promise<Goal[]> {
  const size = await preset()
  const rows: string[][] = [['', 'weights, MB', 'peak, MB']]
  for (const variant of ['full', 'without']) {
    const told: Sized = JSON.parse(
      await python('test/bench/model/policy.py', ['memory', size, '0', String(seed), variant]),
    )
    if (rows.length === 1)
      console.log(`memory of a process that answers with one chunk, preset ${size}; ${where(told)}`)
    rows.push([variant, (told.bytes.weights / 1e6).toFixed(0), (told.bytes.peak / 1e6).toFixed(0)])
  }
  console.log(table(rows))
  return []
}

/** Reading has to keep up with training: samples a second of each reader beside what steps of this machine take. */
async function readers(seed: number): Promise<Goal[]> {
  const threads = availableParallelism()
  const rates: Record<string, number> = JSON.parse(
    await python('test/bench/model/readers.py', [String(threads), String(SAMPLES), String(seed)]),
  )
  const size = await preset()
  const told: Timed = JSON.parse(await python('test/bench/model/policy.py', ['step', size, '5', String(seed)]))
  const taken = BATCH / (median(told.ms.full) / 1000)
  console.log(
    `readers, samples/s with ${threads} threads, nothing kept between samples; preset ${size}, ${where(told)}`,
  )
  console.log(
    table([
      ['', 'samples/s', '× training'],
      ...Object.entries(rates).map(([name, rate]) => [name, rate.toFixed(1), (rate / taken).toFixed(1)]),
      ['training takes', taken.toFixed(1), ''],
    ]),
  )
  return []
}

async function labellers(seed: number): Promise<Goal[]> {
  const rates: Record<string, number> = JSON.parse(await python('test/bench/model/labellers.py', [String(seed)]))
  console.log('labellers, frames/s of 256 × 256 pictures that are ready')
  console.log(table([['', 'frames/s'], ...Object.entries(rates).map(([name, rate]) => [name, rate.toFixed(2)])]))
  return []
}

const where = (told: Told): string => `${told.on}, ${told.precision}, ${told.threads} threads, torch ${told.torch}`

function share(told: Told, flops: number, ms: number): string {
  const [, peak] = Object.entries(PEAK_FLOPS).find(([name]) => told.on.includes(name)) ?? []
  return peak ? `${((100 * flops) / (ms / 1000) / peak).toFixed(0)} %` : '–'
}

async function python(script: string, args: readonly string[]): Promise<string> {
  const { stdout } = await execa(process.env.ORCHESTRATE_PYTHON ?? '.venv/bin/python', [script, ...args], {
    env: { PYTHONPATH: 'worker-images' },
  })
  return stdout
}
