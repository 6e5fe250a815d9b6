import { clock } from '../../report/figures.ts'
import type { Trouble } from '../../server/api.ts'
import { type Line, span } from './line.ts'

/** What the control plane has trouble with and for how long, a line each: attempts go on meanwhile. */
export const troubleLines = (troubles: Trouble[], now: number): Line[] =>
  troubles.map(({ what, code, since }) => [
    span('✘ ', 'bad'),
    span(`for ${clock(Math.max(0, now - since) / 1000)}: ${what} (${code}); attempts go on`),
  ])
