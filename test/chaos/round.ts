import { setTimeout as pause } from 'node:timers/promises'
import { account, type Cost } from './account.ts'
import { checkEnd, checkNobodyTwice, watchInvariants } from './check.ts'
import type { Card } from './deck.ts'
import { between } from './fault.ts'
import { Loss } from './loss.ts'
import { Workload } from './workload.ts'
import type { World } from './world.ts'

/** What became of one fault. */
export type Told = Cost & {
  fault: string
  /** Milliseconds from the fault to the first new step. */
  recovery: number
  survived: boolean
  /** Steps that workers did in between. */
  meanwhile: number
}

export type Round = {
  told: Told[]
  lost: { fault: string | null; message: string } | null
  /** Runs that ended with the right bits, and steps that were done. */
  runs: number
  steps: number
  /** Attempts that were taken for hung though no rank had been frozen. */
  alarms: number
}

const RUNS_AT_ONCE = 2
/** Until the first new step, and until all runs of a world have ended; the machine may be slow for minutes. */
const RECOVERED_WITHIN_MS = 240_000
const ENDED_WITHIN_MS = 600_000

/**
 * Faults are done to one world, one after the other at random moments, each after the one before was recovered from; in
 * the end all runs must have come to theirs with the right bits. `next` names the next fault, or null when it is enough.
 */
export async function playRound(
  world: World,
  seed: string,
  dice: () => number,
  next: () => Card | null,
  tell: (told: Told) => void = () => {},
): Promise<Round> {
  const workload = new Workload(world, seed)
  const over = new AbortController()
  const violated = watchInvariants(world, over.signal)
  violated.catch(() => {}) // told by `within`
  const within = bounded(() => [violated, workload.failed])
  const told: (Told & { at: number })[] = []
  let inHand: string | null = null
  let lost: Round['lost'] = null
  let hung = 0
  try {
    await world.start()
    workload.start(RUNS_AT_ONCE)
    await within(RECOVERED_WITHIN_MS, 'nothing was trained', (signal) =>
      world.book.first((line) => line.kind === 'step', signal),
    )
    for (let card = next(); card; card = next()) {
      const { name, fault } = card
      inHand = name
      const done = await within(RECOVERED_WITHIN_MS, `no new step after ${name}`, async (signal) => {
        for (;;) {
          await pause(between(0, 400, dice), undefined, { signal })
          const struck = await fault.strike({ world, workload, dice, signal })
          const recovered = (await struck?.recovered) ?? null
          if (struck && recovered !== null) return { at: struck.at, recovery: Math.max(0, recovered - struck.at) }
        }
      })
      checkNobodyTwice(world)
      const one = { ...nothing, fault: name, survived: true, ...done }
      told.push(one)
      tell(one)
      inHand = null
    }
    await within(ENDED_WITHIN_MS, 'runs did not end', () => workload.drain())
    hung = await checkEnd(world, workload)
  } catch (error) {
    // Whatever could not be foreseen here is worth looking into as well.
    const message = error instanceof Loss ? error.message : String((error as Error).stack ?? error)
    lost = { fault: inHand, message }
  }
  workload.stop()
  over.abort()
  const lines = world.book.read()
  const costs = account(
    lines,
    told.map(({ at }) => at),
    workload.truths,
    world.damaged,
  )
  const steps = lines.filter(({ kind }) => kind === 'step')
  const all = told.map(({ at, ...one }, index): Told => {
    const cost = costs[index] ?? nothing
    const meanwhile = steps.filter(({ t }) => t > at && t < at + one.recovery).length
    return { ...one, ...cost, meanwhile, survived: cost.torn === 0 }
  })
  // What is found only in the end is charged to the last of them.
  const last = lost && (inHand ?? all.pop()?.fault)
  if (last) all.push({ ...nothing, fault: last, survived: false })
  const frozen = all.filter(({ fault }) => fault === 'rank-frozen').length
  return { told: all, lost, runs: workload.checked, steps: steps.length, alarms: Math.max(0, hung - frozen) }
}

const nothing = { recovery: Number.NaN, lost: 0, duplicated: 0, torn: 0, meanwhile: 0 }

type Within = <T>(ms: number, what: string, work: (signal: AbortSignal) => Promise<T>) => Promise<T>

/** Work that is bounded, and over as soon as something has happened that must not. */
function bounded(losses: () => Promise<never>[]): Within {
  return async (ms, what, work) => {
    const over = new AbortController()
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => late.reject(new Loss(`${what} within ${ms / 1000} s`)), ms)
    try {
      return await Promise.race([work(over.signal), late.promise, ...losses()])
    } finally {
      clearTimeout(timer)
      over.abort(new Error('over'))
    }
  }
}
