import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { reportCsv } from '../../report/csv.ts'
import { reportHtml } from '../../report/html/report-html.ts'
import { reportJson } from '../../report/json.ts'
import { reportLatex } from '../../report/latex.ts'
import { reportMarkdown } from '../../report/markdown.ts'
import { reportLines, type TerminalOptions } from '../../report/terminal.ts'
import type { Run } from '../../run/run.ts'
import type { ReportFormat } from '../api.ts'
import type { Context } from '../conduct/context.ts'
import { gatherReport } from './gather.ts'
import { gatherRuns } from './gather-runs.ts'
import { withGates } from './with-gates.ts'

/** The report of a run as it stands now, or of several runs of one matrix. */
export async function renderReport(
  context: Context,
  runs: [Run, ...Run[]],
  gaps: 'refuse' | 'mark',
  format: ReportFormat,
  terminal: TerminalOptions,
  gates: readonly string[] = [],
): Promise<string> {
  const input = withGates(await gatherRuns(context, runs, gaps), gates)
  switch (format) {
    case 'html':
      return reportHtml(input)
    case 'md':
      return reportMarkdown(input)
    case 'json':
      return reportJson(input)
    case 'csv':
      return reportCsv(input)
    case 'latex':
      return reportLatex(input)
    case 'text':
      return `${reportLines(input, terminal).join('\n')}\n`
    default:
      return format satisfies never
  }
}

/** Writes `reports/<run>/` with the page, the Markdown and the figures; the page last, since its presence says that all is there. */
export async function writeReport(context: Context, run: Run): Promise<void> {
  const input = await gatherReport(context, run)
  const folder = join(context.settings.stateDir, 'reports', run.submitted.run)
  await mkdir(folder, { recursive: true })
  const files = [
    ['report.md', reportMarkdown(input)],
    ['report.json', reportJson(input)],
    ['index.html', reportHtml(input)],
  ] as const
  for (const [name, text] of files) {
    await writeFile(join(folder, `${name}.new`), text)
    await rename(join(folder, `${name}.new`), join(folder, name))
  }
}
