import { Command } from 'commander'
import { connect } from '../client/connect.ts'
import { type Connection, examples, withConnection } from '../options.ts'
import { printJson } from '../print.ts'

type Options = Connection & { now?: boolean; json?: boolean }

export function command(): Command {
  const cancel = new Command('cancel')
    .description('Stops a run: its jobs save a checkpoint first. Jobs that another run wants go on.')
    .argument('<run>', 'a run, or `latest`')
    .option('--now', 'without saving')
    .option('--json', 'one JSON document on standard output')
    .action(async (run: string, options: Options) => {
      const view = await (await connect(options)).cancel(run, options.now === true ? 'now' : 'save')
      if (options.json === true) return printJson(view)
      const how = options.now === true ? 'is being stopped' : 'saves and stops'
      const state = view.state === 'running' ? how : `is ${view.state}`
      process.stdout.write(`${view.run} ${state}\nnext  orchestrate resume ${view.run}\n`)
    })
  return examples(withConnection(cancel), ['orchestrate cancel r-7k2pq', 'orchestrate cancel latest --now'])
}
