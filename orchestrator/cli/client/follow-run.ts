import { setTimeout } from 'node:timers/promises'
import { OrchestrateError } from '../../errors.ts'
import type { RunView } from '../../server/api.ts'
import type { Client } from './client.ts'

export type Following = {
  run: string
  /** Finds the daemon again, starting one where that is possible: attempts outlive it, and the next one adopts them. */
  connect: () => Promise<Client>
  /** Called once for each time that the connection was lost, and once when it is back. */
  onLost?: (message: string) => void
  onBack?: () => void
  signal?: AbortSignal
}

const pauses = [100, 300, 1000, 2000, 5000]

/** The run as it changes, until it has ended and its report is there, over however many connections that takes. */
export async function* followRun({ run, connect, onLost, onBack, signal }: Following): AsyncGenerator<RunView> {
  let failures = 0
  let isOver = false
  const given = signal ?? new AbortController().signal
  while (!given.aborted) {
    try {
      const client = await connect()
      for await (const view of client.updates(run, given)) {
        if (failures > 0) onBack?.()
        failures = 0
        yield view
        // Its report may be a moment behind: the daemon ends the stream when nothing more will come.
        isOver = view.state !== 'running'
      }
    } catch (error) {
      // An answer is an answer; only silence is worth another try.
      if (given.aborted) return
      if (!isSilence(error)) throw error
    }
    if (isOver) return
    if (failures === 0) onLost?.('lost the connection to the daemon; the run goes on. Trying again.')
    const pause = pauses[Math.min(failures, pauses.length - 1)]
    failures += 1
    await setTimeout(pause, undefined, { signal: given }).catch(() => {})
  }
}

/** Whether nobody answered, rather than somebody with an error. */
export function isSilence(error: unknown): boolean {
  if (error instanceof OrchestrateError) return error.code === 'DAEMON_UNREACHABLE'
  const code = error instanceof Error && 'code' in error ? error.code : null
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'ERR_STREAM_PREMATURE_CLOSE'
}
