import { setTimeout } from 'node:timers/promises'
import { pidsOf, sendSignal } from '../../engines/local/processes.ts'
import type { JobFile } from '../../protocol/job-file.ts'
import type { WorkerEvent } from '../../protocol/worker-event.ts'
import { readEvents } from './follow-events.ts'
import type { PlannedKill } from './kill-plan.ts'
import { type Bench, type Ended, endedWell, runAttempt } from './run-attempt.ts'

export type Killed = Ended & { rank: number; reached: number }

/**
 * Runs an attempt until it has a checkpoint and has reported the step, and kills one rank a moment later with SIGKILL, as
 * a crash would: the launcher ends the others. A stage that saves by the clock, not by the step, is asked to save.
 * Returns what there was of it; without `rank` it was not killed: it was over before, or failed by itself.
 */
export async function runKilled(bench: Bench, job: JobFile, planned: PlannedKill): Promise<Killed | Ended> {
  const { engine } = bench
  const directory = engine.directory(job.attempt)
  const every = job.checkpoint.every ?? 1
  let victim: Promise<number | null> | null = null
  let saved = job.resume.length > 0
  let asked = saved
  let fired: Promise<boolean> | null = null

  const fire = async (): Promise<boolean> => {
    const pid = await victim
    await setTimeout(planned.delayMs)
    if (pid === null) await engine.signal(job.attempt, 'SIGKILL')
    else sendSignal(pid, 'SIGKILL')
    return true
  }
  const onEvent = (event: WorkerEvent): void => {
    if (event.type === 'checkpoint') saved = true
    if (event.type !== 'progress' && event.type !== 'checkpoint') return
    victim ??= pidOf(directory, planned.rank)
    const step = event.step
    if (!asked && !saved && (step > every || every === 1)) {
      asked = true
      void engine.signal(job.attempt, 'SIGUSR1').catch(() => {})
    }
    if (saved && step >= planned.step) fired ??= fire()
  }
  const ended = await runAttempt(bench, job, onEvent)
  await fired
  const wasKilled = fired !== null && !endedWell(ended) && diedOfIt(ended, planned.rank)
  return wasKilled ? { ...ended, rank: planned.rank, reached: lastStep(ended) } : ended
}

/** Null when it can't be told apart from a process of somebody else's: the worker itself says which one it is. */
async function pidOf(directory: string, rank: number): Promise<number | null> {
  const hello = (await readEvents(directory, rank)).find((event) => event.type === 'hello')
  return hello !== undefined && pidsOf(directory, null).includes(hello.pid) ? hello.pid : null
}

const diedOfIt = ({ exit }: Ended, rank: number): boolean =>
  exit === null || exit.ranks.some((one) => one.rank === rank && one.signal === 'SIGKILL')

export const lastStep = ({ events }: Ended): number =>
  events.reduce((last, event) => (event.type === 'progress' ? event.step : last), 0)
