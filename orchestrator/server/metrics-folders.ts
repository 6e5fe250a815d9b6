import { mkdir, symlink } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { hasCode } from '../engines/attempt-directory.ts'
import { metricsFolder } from '../engines/prepare/prepare.ts'
import { jobName } from '../report/job-name.ts'
import type { RunSubmitted } from '../run/run.ts'

/** Links to those of all jobs of a run, by their names: what TensorBoard is started for. */
export const runMetricsFolder = (stateDir: string, run: string): string => join(stateDir, 'metrics', run)

/** `train[full]`, as the run's cells have it. */
export function metricsName({ cells }: Pick<RunSubmitted, 'cells'>, key: string): string {
  const own = cells.filter((cell) => Object.values(cell.jobs).includes(key))
  const [stage = key.slice(0, 7)] = Object.entries(own[0]?.jobs ?? {}).find(([, of]) => of === key) ?? []
  return jobName({ stage, cells: own.map(({ name }) => name) }, { cells })
}

/** Makes a job, which need not have run yet, one of those that the run's folder shows. `curves`: its engine's folder. */
export async function linkMetrics(
  { stateDir, curves }: { stateDir: string; curves: string },
  run: RunSubmitted,
  { key, shards }: { key: string; shards: number },
): Promise<void> {
  const folder = runMetricsFolder(stateDir, run.run)
  await mkdir(folder, { recursive: true })
  const name = metricsName(run, key).replaceAll('/', '_').slice(0, 200)
  for (let shard = 0; shard < shards; shard++) {
    const target = metricsFolder(curves, key, shard)
    await mkdir(target, { recursive: true })
    try {
      await symlink(relative(folder, target), join(folder, shards === 1 ? name : `${name}.s${shard}`))
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error
    }
  }
}
