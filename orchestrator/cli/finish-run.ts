import type { RunView } from '../server/api.ts'
import type { Client } from './client/client.ts'
import { exitCodeOf } from './exit-code.ts'
import type { Connection } from './options.ts'
import { printJson } from './print.ts'
import { printEnd } from './print-end.ts'
import { runSummary } from './run-summary.ts'
import { watchRun } from './watch-run.ts'
import { writeJunit } from './write-junit.ts'

export type Finishing = {
  client: Client
  /** The run as the daemon answered when it took it on. */
  view: RunView
  options: Connection & { detach?: boolean; json?: boolean; junit?: string }
  file?: string
}

/** After a run was submitted or resumed: looks on until it ends (or leaves it), says how it went, sets the exit code. */
export async function finishRun({ client, view, options, file }: Finishing): Promise<void> {
  if (options.detach === true) {
    if (options.json === true) return printJson(runSummary(view))
    process.stdout.write(`${view.run} runs; look on with: orchestrate status ${view.run} --follow\n`)
    return
  }
  const out = options.json === true ? process.stderr : process.stdout
  const watched = await watchRun({ client, run: view.run, options, out, interrupt: 'cancel' })
  const last = watched.view ?? view
  // Left before its end (a third Ctrl-C, a closed terminal): the run goes on.
  if (last.state === 'running') process.exitCode = 130
  const gates = last.state === 'running' ? [] : await client.gates(last.run)
  if (last.state !== 'running') process.exitCode = exitCodeOf(last, gates)
  if (options.junit !== undefined) await writeJunit(options.junit, last, gates)
  if (options.json === true) printJson(runSummary(last, gates))
  else await printEnd(client, last, out, file)
}
