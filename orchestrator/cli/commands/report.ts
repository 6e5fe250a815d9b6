import { Command, Option } from 'commander'
import { OrchestrateError } from '../../errors.ts'
import { type ReportFormat, reportFormats } from '../../server/api.ts'
import type { Client } from '../client/client.ts'
import { connect } from '../client/connect.ts'
import { exitCodeOfGates } from '../exit-code.ts'
import { type Connection, examples, repeated, withConnection } from '../options.ts'
import { isColourful, sizeOf } from '../view/terminal.ts'
import { writeJunit } from '../write-junit.ts'

type Options = Connection & {
  format?: ReportFormat
  path?: boolean
  partial?: boolean
  json?: boolean
  gate?: string[]
  junit?: string
}

export function command(): Command {
  const format = new Option('--format <format>', 'what to print: text on a terminal, else md')
  const report = new Command('report')
    .description('Prints the report of a run as it stands, or of several runs of one matrix in one table.')
    .argument('[run...]', 'runs, or `latest` (the default)')
    .addOption(format.choices(reportFormats))
    .option(
      '--partial',
      'several runs: show what is missing or of other code, settings or trials, marked, instead of refusing',
    )
    .option('--path', 'print where its HTML file is instead')
    .option('--gate <gate>', 'ask this too, and end as the gates do; may be repeated', repeated)
    .option('--junit <file>', 'write how cells and gates went for a test reporter, and end as the gates do')
    .option('--json', 'the same as --format json')
    .action(async (named: string[], options: Options) => {
      const [run = 'latest', ...others] = named
      if (others.length > 0 && (options.path === true || options.gate || options.junit !== undefined))
        throw new OrchestrateError('ARGUMENT_INVALID', '--path, --gate and --junit are of one run')
      const client = await connect(options)
      const text = options.path === true ? await pathOf(client, run) : await textOf(client, run, others, options)
      if (options.gate || options.junit !== undefined) await judge(client, run, options)
      process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
    })
  return examples(withConnection(report), [
    'orchestrate report',
    'orchestrate report r-7k2pq --format html > report.html',
    'orchestrate report r-7k2pq r-9mw4c --partial',
    'orchestrate report r-7k2pq --format latex > table.tex',
    "orchestrate report r-7k2pq --gate 'depth.absrel(full) <= 0.12'",
    'xdg-open "$(orchestrate report --path)"',
  ])
}

async function judge(client: Client, run: string, { gate, junit }: Options): Promise<void> {
  const [view, gates] = [await client.run(run), await client.gates(run, gate)]
  process.exitCode = exitCodeOfGates(gates)
  if (junit !== undefined) await writeJunit(junit, view, gates)
}

async function pathOf(client: Client, run: string): Promise<string> {
  const view = await client.run(run)
  if (view.report !== null) return view.report
  throw new OrchestrateError('INPUT_NOT_FOUND', `${view.run} has no report file yet: it is written when the run ends`)
}

function textOf(client: Client, run: string, others: string[], options: Options): Promise<string> {
  const { format, json, partial, gate = [] } = options
  const { columns } = sizeOf(process.stdout)
  const terminal = {
    with: others.join(','),
    gaps: partial === true ? 'mark' : 'refuse',
    width: Number.isFinite(columns) ? columns : 120,
    colour: isColourful(process.stdout) ? 1 : 0,
    gate,
  } as const
  return client.report(run, json === true ? 'json' : (format ?? (process.stdout.isTTY ? 'text' : 'md')), terminal)
}
