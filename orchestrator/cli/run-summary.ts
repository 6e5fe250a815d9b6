import type { GateVerdict, RunView } from '../server/api.ts'

/** The document that `run --json` ends with: enough for a program that asks how it went; `status --json` has the rest. */
export function runSummary(view: RunView, gates: readonly GateVerdict[] = []) {
  return {
    run: view.run,
    state: view.state,
    stoppedBy: view.stoppedBy,
    pipeline: view.pipeline,
    cells: view.cells.map(({ cell, state, metrics }) => ({ cell, state, metrics })),
    gates,
    jobs: view.jobs.map(({ key, stage, cells, state, cached, attempts, metrics, error }) => ({
      key,
      stage,
      cells,
      state,
      cached,
      attempts,
      metrics,
      error,
    })),
    report: view.report,
    seconds: view.endedAt === null ? null : (view.endedAt - view.createdAt) / 1000,
    goodput: view.goodput,
  }
}
