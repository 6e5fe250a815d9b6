import { OrchestrateError } from '../../errors.ts'
import type { ReportInput } from '../../report/input.ts'
import { mergeRuns } from '../../report/merge-runs.ts'
import type { Run } from '../../run/run.ts'
import type { Context } from '../conduct/context.ts'
import { gatherReport } from './gather.ts'

/** One run as it stands; several as one table, which is refused where its averages would mean nothing. */
export async function gatherRuns(
  context: Context,
  [first, ...others]: [Run, ...Run[]],
  gaps: 'refuse' | 'mark',
): Promise<ReportInput> {
  const pipelines = new Set([first, ...others].map(({ submitted }) => submitted.pipeline))
  if (pipelines.size > 1)
    throw new OrchestrateError(
      'ARGUMENT_INVALID',
      `runs of different pipelines have no table: ${[...pipelines].join(', ')}`,
    )
  const input = await gatherReport(context, first)
  if (others.length === 0) return input
  const { input: merged, problems } = mergeRuns([
    input,
    ...(await Promise.all(others.map((run) => gatherReport(context, run)))),
  ])
  if (gaps === 'mark' || problems.length === 0) return merged
  throw new OrchestrateError('REPORT_REFUSED', `no table over these runs: ${problems.join('; ')}`)
}
