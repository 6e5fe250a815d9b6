import type { Engine } from '../../engines/engine.ts'
import type { AttemptExit } from '../../protocol/exit-record.ts'
import type { JobFile } from '../../protocol/job-file.ts'
import type { WorkerEvent } from '../../protocol/worker-event.ts'
import { followEvents } from './follow-events.ts'

/** Where twins run: a scratch folder with an engine of its own, whose attempts no control plane knows of. */
export type Bench = {
  engine: Engine
  scratch: string
  env: Record<string, string>
  secrets: Record<string, string>
  /** Aborted when the user wants it to stop: the attempt that runs is killed. */
  signal: AbortSignal
  tell: Tell
}

/** What the user sees while it runs. */
export type Tell = {
  /** Something else begins. */
  phase: (text: string) => void
  progress: (step: number, of: number, unit: string) => void
}

export type Ended = { job: JobFile; directory: string; exit: AttemptExit | null; events: WorkerEvent[] }

/** Runs one attempt to its end, however it comes. */
export async function runAttempt(
  { engine, env, secrets, signal, tell }: Bench,
  job: JobFile,
  onEvent: (event: WorkerEvent) => void = () => {},
): Promise<Ended> {
  const { attempt } = job
  signal.throwIfAborted()
  const kill = () => void engine.signal(attempt, 'SIGKILL').catch(() => {})
  const over = new AbortController()
  let ended: Promise<void> | null = null
  try {
    await engine.launch({ job, env, secrets })
    signal.addEventListener('abort', kill)
    if (signal.aborted) kill()
    ended = engine.ended(attempt, new AbortController().signal).finally(() => over.abort())
    const events: WorkerEvent[] = []
    for await (const event of followEvents(engine.directory(attempt), 0, over.signal)) {
      events.push(event)
      if (event.type === 'progress') tell.progress(event.step, event.of, event.unit)
      onEvent(event)
    }
    await ended
    signal.throwIfAborted()
    const seen = (await engine.observe([attempt])).get(attempt)
    return { job, directory: engine.directory(attempt), exit: seen?.state === 'exited' ? seen.exit : null, events }
  } finally {
    signal.removeEventListener('abort', kill)
    if (ended !== null && !over.signal.aborted) {
      kill() // nothing is left running by a mistake of this process
      await ended
    }
  }
}

export const endedWell = ({ exit, job }: Ended): boolean =>
  exit !== null && exit.ranks.length === job.ranks && exit.ranks.every(({ code }) => code === 0)
