import type { Client } from '../../orchestrator/cli/client/client.ts'
import type { RunView } from '../../orchestrator/server/api.ts'

/** Waits, event-driven, until a run looks as wanted. */
export async function until(client: Client, run: string, wanted: (view: RunView) => boolean): Promise<RunView> {
  for await (const view of client.updates(run)) {
    if (wanted(view)) return view
  }
  const last = await client.run(run)
  if (wanted(last)) return last
  throw new Error(
    `run ${run} ended as ${last.state}: ${JSON.stringify(last.jobs.map((job) => [job.stage, job.state, job.error?.message]))}`,
  )
}

export const ended = (view: RunView): boolean => view.state !== 'running'
