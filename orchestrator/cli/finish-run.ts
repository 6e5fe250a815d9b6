import type { GateVerdict, RunView } from '../server/api.ts'
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

export type Finished = { view: RunView; gates: GateVerdict[] }

/** After a run was submitted or resumed: looks on until it ends (or leaves it), says how it went, sets the exit code. */
export async function finishRun(finishing: Finishing): Promise<void> {
  const { view, options } = finishing
  if (options.detach === true) {
    if (options.json === true) return printJson(runSummary(view))
    process.stdout.write(`${view.run} runs; look on with: orchestrate status ${view.run} --follow\n`)
    return
  }
  await tellEnd(finishing, await awaitEnd(finishing))
}

/** Looks on until a run ends or is left, and asks what its gates came to. */
export async function awaitEnd({ client, view, options }: Finishing): Promise<Finished> {
  const watched = await watchRun({ client, run: view.run, options, out: outOf(options), interrupt: 'cancel' })
  const last = watched.view ?? view
  return { view: last, gates: last.state === 'running' ? [] : await client.gates(last.run) }
}

export async function tellEnd({ client, options, file }: Finishing, { view, gates }: Finished): Promise<void> {
  // Left before its end (a third Ctrl-C, a closed terminal): the run goes on.
  process.exitCode = view.state === 'running' ? 130 : exitCodeOf(view, gates)
  if (options.junit !== undefined) await writeJunit(options.junit, view, gates)
  if (options.json === true) printJson(runSummary(view, gates))
  else await printEnd(client, view, outOf(options), file)
}

/** Where people look while a program may read standard output. */
export const outOf = ({ json }: { json?: boolean }) => (json === true ? process.stderr : process.stdout)
