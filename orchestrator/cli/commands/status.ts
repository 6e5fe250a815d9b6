import { Command } from 'commander'
import { connect } from '../client/connect.ts'
import { exitCodeOf } from '../exit-code.ts'
import { type Connection, examples, withConnection } from '../options.ts'
import { printJson, printLines } from '../print.ts'
import { printEnd } from '../print-end.ts'
import { cellsTable } from '../view/cells-table.ts'
import { hostsTable } from '../view/hosts-table.ts'
import { span } from '../view/line.ts'
import { metricsCommands } from '../view/metrics-commands.ts'
import { runScreen } from '../view/run-screen.ts'
import { runsTable } from '../view/runs-table.ts'
import { isColourful, sizeOf } from '../view/terminal.ts'
import { troubleLines } from '../view/troubles.ts'
import { watchRun } from '../watch-run.ts'

type Options = Connection & { json?: boolean; follow?: boolean; cells?: boolean }

export function command(): Command {
  const status = new Command('status')
    .description('Lists the runs, newest first, and hosts with an agent; or shows one run as it stands.')
    .argument('[run]', 'a run, or `latest`')
    .option('--follow', 'look on until it ends; Ctrl-C ends only the looking')
    .option('--cells', 'the cells of the pipeline of this run, over all its runs: done, failed, missing or running')
    .option('--json', 'one JSON document on standard output')
    .action(status_)
  return examples(withConnection(status), [
    'orchestrate status',
    'orchestrate status latest --follow',
    'orchestrate status latest --cells',
    'orchestrate status r-7k2pq --json',
  ])
}

async function status_(run: string | undefined, options: Options): Promise<void> {
  const client = await connect(options)
  if (options.cells === true) {
    const cells = await client.cellsOf(run ?? 'latest')
    return options.json === true ? printJson({ cells }) : printLines(cellsTable(cells))
  }
  if (run === undefined) {
    const runs = await client.runs()
    const { troubles } = await client.health()
    const hosts = await client.hosts()
    if (options.json === true) return printJson({ runs, hosts, troubles })
    printLines(troubleLines(troubles, Date.now()))
    if (hosts.length > 0) printLines([...hostsTable(hosts, Date.now()), []])
    if (runs.length > 0) return printLines(runsTable(runs, Date.now()))
    return printLines([[span('No runs yet. Try: orchestrate run jobs/quickstart.yaml')]])
  }
  let view = await client.run(run)
  if (options.follow === true && view.state === 'running') {
    const out = options.json === true ? process.stderr : process.stdout
    const watched = await watchRun({ client, run: view.run, options, out, interrupt: 'leave' })
    view = watched.view ?? view
  } else if (options.json !== true) {
    const { columns } = sizeOf(process.stdout)
    const screen = { columns, rows: Number.POSITIVE_INFINITY, colours: isColourful(process.stdout), now: Date.now() }
    process.stdout.write(`${runScreen(view, screen).join('\n')}\n`)
  }
  if (options.follow === true) process.exitCode = exitCodeOf(view)
  if (options.json === true) return printJson(view)
  if (view.state === 'running') printLines(metricsCommands(view).map((text) => [span(`metrics  ${text}`, 'dim')]))
  else await printEnd(client, view, process.stdout)
}
