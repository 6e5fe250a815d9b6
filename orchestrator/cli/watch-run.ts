import type { RunView } from '../server/api.ts'
import type { Client } from './client/client.ts'
import { reconnect } from './client/connect.ts'
import { followRun, isSilence } from './client/follow-run.ts'
import type { Connection } from './options.ts'
import { paint, span } from './view/line.ts'
import { liveScreen } from './view/live-screen.ts'
import { metricsCommands } from './view/metrics-commands.ts'
import { plainLines } from './view/plain-lines.ts'
import { runScreen } from './view/run-screen.ts'

export type Watching = {
  client: Client
  run: string
  options: Connection
  /** Where people look: standard output, or standard error when a program reads standard output. */
  out: NodeJS.WriteStream
  /** What Ctrl-C does: stops the run, or only ends the looking. */
  interrupt: 'cancel' | 'leave'
}

export type Watched = { view: RunView | null; interrupted: boolean }

type StopMode = 'save' | 'now'

const stopping: Record<StopMode, string> = {
  save: 'saving a checkpoint and stopping; Ctrl-C again stops now',
  now: 'stopping now',
}

type Show = {
  update: (view: RunView) => void
  /** Something beside the run; null when it is no longer so. */
  say: (text: string | null) => void
  end: () => void
}

/** Shows a run until it has ended, or until Ctrl-C in a command that only looks. */
export async function watchRun({ client, run, options, out, interrupt }: Watching): Promise<Watched> {
  const show = out.isTTY === true ? live(out, run, interrupt) : plain(out)
  const leaving = new AbortController()
  let view: RunView | null = null
  let current = client
  let interrupts = 0
  /** What Ctrl-C asked for and the daemon has not acknowledged: it may be away at that moment, and is asked again then. */
  let wanted: StopMode | null = null
  let asking = false

  const cancel = async () => {
    if (wanted === null || asking) return
    const mode = wanted
    asking = true
    try {
      await current.cancel(run, mode)
      if (wanted === mode) wanted = null
    } catch (error) {
      if (wanted === mode) {
        show.say(
          isSilence(error) ? 'the daemon does not answer; the run is stopped once it does' : (error as Error).message,
        )
        if (isSilence(error)) return
        wanted = null
      }
    } finally {
      asking = false
    }
    return cancel() // what was asked for meanwhile
  }
  const onInterrupt = () => {
    interrupts += 1
    if (interrupt === 'leave' || interrupts > 2) return leaving.abort()
    wanted = interrupts === 1 ? 'save' : 'now'
    show.say(stopping[wanted])
    void cancel()
  }
  process.on('SIGINT', onInterrupt)
  // A terminal that closes or a plain kill takes only this client with it.
  const onEnd = () => leaving.abort()
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, onEnd)

  let first = true
  const connect = async () => {
    if (first) first = false
    else current = await reconnect(options)
    return current
  }
  try {
    for await (const next of followRun({
      run,
      connect,
      onLost: show.say,
      onBack: () => show.say(null),
      signal: leaving.signal,
    })) {
      view = next
      show.update(next)
      if (wanted === null || asking || next.state !== 'running') continue
      show.say(stopping[wanted])
      void cancel()
    }
  } finally {
    show.end()
    process.off('SIGINT', onInterrupt)
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.off(signal, onEnd)
  }
  return { view, interrupted: interrupts > 0 }
}

function plain(out: NodeJS.WriteStream): Show {
  let before: RunView | null = null
  return {
    update: (view) => {
      for (const line of plainLines(before, view, Date.now())) out.write(`${line}\n`)
      before = view
    },
    say: (text) => process.stderr.write(`${text ?? 'connected again'}\n`),
    end: () => {},
  }
}

function live(out: NodeJS.WriteStream, run: string, interrupt: Watching['interrupt']): Show {
  const screen = liveScreen(out)
  let view: RunView | null = null
  let note: string | null = null
  let over = false
  const footer = () => {
    if (note !== null) return ['', note]
    const keys = interrupt === 'cancel' ? ['Ctrl-C saves a checkpoint and stops; twice stops now.'] : []
    const metrics = view === null ? [] : metricsCommands(view).map((text) => `Metrics: ${text}`)
    return ['', ...keys, ...metrics, `It goes on without this terminal: orchestrate status ${run}`]
  }
  const draw = () =>
    screen.draw((size) => {
      if (view === null) return []
      const now = Date.now()
      // The last screen stays: it may be as long as it is.
      if (over) return runScreen(view, { ...size, rows: Number.POSITIVE_INFINITY, now })
      const last = footer().map((text) => paint([span(text, 'dim')], size.columns, size.colours))
      const rows = Math.max(0, size.rows - last.length)
      return [...runScreen(view, { ...size, rows, now }).slice(0, rows), ...last]
    })
  // Clocks tick between two updates.
  const ticking = setInterval(draw, 1000)
  return {
    update: (next) => {
      view = next
      draw()
    },
    say: (text) => {
      note = text
      draw()
    },
    end: () => {
      clearInterval(ticking)
      over = true
      screen.end()
    },
  }
}
