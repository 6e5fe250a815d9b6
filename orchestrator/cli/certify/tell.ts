import { count } from '../../report/figures.ts'
import { paint, span } from '../view/line.ts'
import { liveScreen } from '../view/live-screen.ts'
import type { Tell } from './run-attempt.ts'

export type Teller = Tell & { end: () => void }

const PLAIN_MS = 10_000

/** Shows what goes on: in place on a terminal, else a line when something begins and every ten seconds. */
export function teller(out: NodeJS.WriteStream, name: string): Teller {
  return out.isTTY === true ? live(out, name) : plain(out, name)
}

function plain(out: NodeJS.WriteStream, name: string): Teller {
  let last = 0
  return {
    phase: (text) => {
      out.write(`${name}: ${text}\n`)
      last = performance.now()
    },
    progress: (step, of, unit) => {
      if (performance.now() - last < PLAIN_MS) return
      last = performance.now()
      out.write(`${name}: ${progressText(step, of, unit)}\n`)
    },
    end: () => {},
  }
}

function live(out: NodeJS.WriteStream, name: string): Teller {
  const screen = liveScreen(out)
  let [phase, progress] = ['', '']
  const draw = () =>
    screen.draw(({ columns, colours }) => [
      paint([span(name, 'bold'), span(`  ${phase}`), span(`  ${progress}`, 'dim')], columns, colours),
    ])
  return {
    phase: (text) => {
      ;[phase, progress] = [text, '']
      draw()
    },
    progress: (step, of, unit) => {
      progress = progressText(step, of, unit)
      draw()
    },
    end: () => {
      screen.draw(() => [])
      screen.end()
    },
  }
}

const progressText = (step: number, of: number, unit: string): string => `${count(step)}/${count(of)} ${unit}`
