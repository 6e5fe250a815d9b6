import { appendFile, mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { AttemptExit, RankExit } from '../../../../orchestrator/protocol/exit-record.ts'
import type { Fate } from '../fate.ts'

export type Role = {
  directory: string
  attempt: string
  outputs: string[]
  fate: Fate
  seconds: number
  /** How often it tells of a step. */
  tellSeconds: number
}

/**
 * Leaves in an attempt directory what a launcher and one rank leave, and takes as long, without doing anything. Returns how
 * it ended; `signal` is the one that would have reached the rank.
 */
export async function perform(role: Role, signal: AbortSignal): Promise<string> {
  const { directory, fate } = role
  const startedAt = Date.now()
  const steps = Math.max(1, Math.ceil(role.seconds / role.tellSeconds))
  const last = Math.max(1, Math.round(steps * fate.share))
  const tell = (...events: object[]): Promise<void> =>
    appendFile(
      join(directory, 'events.0.jsonl'),
      events.map((event) => `${JSON.stringify({ t: Date.now(), ...event })}\n`).join(''),
    )
  const hello = { versions: {}, device: 'cpu', rank: 0, world: 1, host: 'nowhere', pid: process.pid }
  await tell({ type: 'hello', ...hello })
  try {
    for (let step = 1; step <= last; step++) {
      await pause((role.seconds * fate.share * 1000) / last, undefined, { signal })
      await tell(
        { type: 'progress', step, of: steps, unit: 'steps' },
        { type: 'metric', name: 'loss', value: 1 / step, step },
      )
    }
  } catch {
    const killed = signal.reason === 'SIGKILL'
    await leave(role, startedAt, 'signal', killed ? { signal: 'SIGKILL', code: null } : { code: 75 })
    return String(signal.reason)
  }
  await end(role, startedAt, tell)
  return fate.end
}

async function end(role: Role, startedAt: number, tell: (...events: object[]) => Promise<void>): Promise<void> {
  switch (role.fate.end) {
    case 'done':
      for (const name of role.outputs) {
        await mkdir(join(role.directory, 'outputs', name), { recursive: true })
        await writeFile(join(role.directory, 'outputs', name, '0.txt'), `${role.attempt}\n`)
      }
      await tell(...role.outputs.map((name) => ({ type: 'artifact', name })), { type: 'done', metrics: { even: 1 } })
      return leave(role, startedAt, 'ranks', { code: 0 })
    case 'failed':
      await tell({ type: 'failed', code: 'ASKED_TO', message: 'this job is one of those that fail' })
      return leave(role, startedAt, 'ranks', { code: 1 })
    case 'preempted':
      return leave(role, startedAt, 'signal', { code: 75 })
    case 'time':
      return leave(role, startedAt, 'time', { code: null, signal: 'SIGKILL' })
    case 'memory':
      return leave(role, startedAt, 'memory', { code: null, signal: 'SIGKILL' })
    case 'lost':
      return // with its node, and no record was left
    default:
      role.fate.end satisfies never
  }
}

async function leave(
  { directory, attempt }: Role,
  startedAt: number,
  cause: AttemptExit['cause'],
  how: Partial<RankExit>,
): Promise<void> {
  const times = { startedAt, endedAt: Date.now() }
  const rank: RankExit = { rank: 0, code: null, signal: null, peakRss: null, oomKilled: false, ...times, ...how }
  const firstBad = rank.code === 0 ? null : 0
  const exit: AttemptExit = {
    attempt,
    cause,
    firstBad,
    ranks: [rank],
    peakMemory: null,
    nodes: [],
    message: null,
    code: null,
    ...times,
  }
  await writeFile(join(directory, 'exit.0.json'), JSON.stringify(rank))
  await writeFile(join(directory, 'exit.json.new'), JSON.stringify(exit))
  await rename(join(directory, 'exit.json.new'), join(directory, 'exit.json'))
}
