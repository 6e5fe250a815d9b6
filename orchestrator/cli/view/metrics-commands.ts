import type { RunView } from '../../server/api.ts'
import { shownPath } from './shown-path.ts'

/** What to type to see the curves of a run where its file sends them, besides the report. */
export function metricsCommands({ metrics }: Pick<RunView, 'metrics'>): string[] {
  if (metrics === null) return []
  const folder = shownPath(metrics.folder)
  return [
    ...(metrics.tensorboard ? [`tensorboard --logdir ${folder}`] : []),
    ...(metrics.wandb === 'offline' ? [`wandb sync ${folder}/*/wandb.*/wandb/offline-run-*`] : []),
  ]
}
