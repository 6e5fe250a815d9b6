import type { RunView } from '../../server/api.ts'
import { ago } from './figures.ts'
import { isOver } from './job-name.ts'
import { type Line, type Span, span } from './line.ts'
import { table } from './table.ts'

/** All runs, newest first: what they are, how far, whose, since when. */
export function runsTable(runs: RunView[], now: number): Line[] {
  const columns = [
    { title: 'run' },
    { title: 'state' },
    { title: 'pipeline' },
    { title: 'jobs', align: 'right' as const },
    { title: 'cells', align: 'right' as const },
    { title: 'owner' },
    { title: 'started', style: 'dim' as const },
  ]
  return table(
    columns,
    runs.map((run) => [
      span(run.run, 'bold'),
      stateOf(run),
      run.pipeline,
      `${run.jobs.filter(isOver).length}/${run.jobs.length}`,
      String(run.cells.length),
      run.owner,
      ago(run.createdAt, now),
    ]),
  )
}

function stateOf({ state }: RunView): Span {
  switch (state) {
    case 'running':
      return span('◐ running', 'busy')
    case 'succeeded':
      return span('✔ succeeded', 'good')
    case 'failed':
      return span('✘ failed', 'bad')
    case 'cancelled':
      return span('■ cancelled', 'dim')
  }
}
