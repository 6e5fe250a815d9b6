import { Command } from 'commander'
import { connect } from '../client/connect.ts'
import { type Connection, examples, withConnection } from '../options.ts'
import { printJson } from '../print.ts'

type Options = Connection & { json?: boolean }

export function command(): Command {
  const pin = new Command('pin')
    .description('Lets a run go on though a newer one takes its place (`orchestrate run --supersedes`).')
    .argument('<run>', 'a run, or `latest`')
    .option('--json', 'one JSON document on standard output')
    .action(async (run: string, options: Options) => {
      const view = await (await connect(options)).pin(run)
      if (options.json === true) return printJson(view)
      process.stdout.write(`${view.run} is pinned: no newer run takes its place\n`)
    })
  return examples(withConnection(pin), ['orchestrate pin r-7k2pq'])
}
