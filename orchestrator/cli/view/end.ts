import { list, plural, shortDuration } from '../../report/figures.ts'
import { spent } from '../../report/terminal.ts'
import type { RunView } from '../../server/api.ts'
import { failures } from './failures.ts'
import { jobRef, quotedRef } from './job-name.ts'
import { type Line, raw, span, width } from './line.ts'
import { metricsCommands } from './metrics-commands.ts'
import { shownPath } from './shown-path.ts'

export type Ending = {
  /** The report for a terminal: how it went, the table, what it shows. Null when it could not be had. */
  report: string | null
  /** The pipeline file as the user named it, where this command knows it. */
  file?: string
  /** Remarks that would not fit so many columns are left out. */
  columns: number
}

/** What stays on the screen when a run is over: how it went, what it showed, what failed, what to type next. */
export function endLines(view: RunView, { report, file, columns }: Ending): Line[] {
  const found =
    report === null
      ? [verdict(view)]
      : report
          .trimEnd()
          .split('\n')
          .map((text): Line => [raw(text)])
  const path = view.report === null ? [] : [command('report', shownPath(view.report))]
  return [
    ...found,
    [],
    ...warnings(view),
    ...failures(view),
    ...path,
    ...metricsCommands(view).map((text, index) => command(index === 0 ? 'metrics' : '', text)),
    ...certified(view),
    ...next(view, file).map((line) => withoutRemark(line, columns)),
  ]
}

function verdict(view: RunView): Line {
  const [mark, style] =
    view.state === 'succeeded'
      ? (['✔', 'good'] as const)
      : view.state === 'failed'
        ? (['✘', 'bad'] as const)
        : (['■', 'dim'] as const)
  const took = shortDuration(((view.endedAt ?? view.createdAt) - view.createdAt) / 1000)
  const words = ` ${view.pipeline} · ${view.run} · ${view.state === 'succeeded' ? '' : `${view.state} after `}${took}`
  return [span(mark, style), span(words, 'bold'), span(goodput(view), 'dim')]
}

function goodput({ goodput }: RunView): string {
  if (goodput.share === null) return ''
  return ` · goodput ${Math.round(goodput.share * 100)}% (${spent(goodput).join(', ')})`
}

/** What workers said of their jobs: that bits may differ, say. */
function warnings(view: RunView): Line[] {
  const lines = view.jobs.flatMap((job) =>
    job.warnings.map((text): Line => [span(`! ${jobRef(job, view.jobs)}: `, 'bold'), span(text)]),
  )
  return lines.length === 0 ? [] : [...lines, []]
}

function certified({ certified }: RunView): Line[] {
  if (certified === null) return []
  const { same, different, path } = certified
  const words = [
    ...(same.length > 0 ? [`resumed to the same bits: ${list([...new Set(same)])}`] : []),
    ...(different.length > 0 ? [`to others: ${list([...new Set(different)])}`] : []),
  ]
  return [command('certify', shownPath(path), words.join('; '))]
}

function next(view: RunView, file: string | undefined): Line[] {
  switch (view.state) {
    case 'running':
      return [command('next', `orchestrate status ${view.run} --follow`)]
    case 'succeeded': {
      const again = `orchestrate run ${file} --set <stage>.with.<key>=<value>`
      return file === undefined
        ? [command('next', `orchestrate report ${view.run}`)]
        : [command('next', again, 'reuses every job that this leaves as it is')]
    }
    case 'failed': {
      const first = view.jobs.find((job) => job.state === 'failed' && job.error?.input === undefined)
      const why = first === undefined ? [] : [command('next', `orchestrate why ${quotedRef(first, view.jobs)}`)]
      return [
        ...stopped(view),
        ...why,
        command(
          first === undefined ? 'next' : '',
          `orchestrate resume ${view.run}`,
          'goes on from the last checkpoints',
        ),
        ...(view.stoppedBy === null || file === undefined
          ? []
          : [command('', `orchestrate run ${file} --missing`, 'the same in a new run')]),
      ]
    }
    case 'cancelled':
      return [
        ...(view.supersededBy === null ? [] : [command('by', view.supersededBy, 'took its place')]),
        command('next', `orchestrate resume ${view.run}`, 'goes on from the last checkpoints'),
      ]
  }
}

/** That not all was tried: the rest of the jobs did not fail. */
function stopped({ stoppedBy, jobs }: RunView): Line[] {
  const by = jobs.find((job) => job.key === stoppedBy)
  if (by === undefined) return []
  const left = jobs.filter((job) => job.state === 'cancelled').length
  return [
    command('stopped', `by ${jobRef(by, jobs)}, which failed (on_failure: stop); ${plural(left, 'job')} left undone`),
  ]
}

const command = (title: string, text: string, remark?: string): Line => [
  span(title.padEnd(9), 'dim'),
  span(text),
  ...(remark === undefined ? [] : [span(`   (${remark})`, 'dim')]),
]

const withoutRemark = (line: Line, columns: number): Line =>
  line.reduce((sum, { text }) => sum + width(text), 0) > columns ? line.slice(0, 2) : line
