import { Command } from 'commander'
import { count } from '../../report/figures.ts'
import { connect } from '../client/connect.ts'
import { type Connection, examples, withConnection } from '../options.ts'
import { printJson, printLines } from '../print.ts'
import { ago, bytes } from '../view/figures.ts'
import { span } from '../view/line.ts'
import { table } from '../view/table.ts'

type Options = Connection & { json?: boolean }

export function command(): Command {
  const checkpoints = new Command('checkpoints')
    .description('Lists the committed checkpoints of a run’s jobs.')
    .argument('<run>', 'a run, or `latest`')
    .option('--json', 'one JSON document on standard output')
    .action(async (run: string, options: Options) => {
      const found = await (await connect(options)).checkpoints(run)
      if (options.json === true) return printJson({ checkpoints: found })
      if (found.length === 0) return printLines([[span('No checkpoints yet.')]])
      const columns = [
        { title: 'stage' },
        { title: 'key', style: 'dim' as const },
        { title: 'shard', align: 'right' as const },
        { title: 'step', align: 'right' as const },
        { title: 'size', align: 'right' as const },
        { title: 'attempt' },
        { title: 'checked' },
        { title: 'saved', style: 'dim' as const },
      ]
      const rows = found.map((one) => [
        one.stage,
        one.job.slice(0, 7),
        String(one.shard),
        count(one.step),
        bytes(one.bytes),
        one.attempt,
        span(one.verified, one.verified === 'broken' ? 'bad' : 'plain'),
        ago(one.createdAt, Date.now()),
      ])
      printLines(table(columns, rows))
    })
  return examples(withConnection(checkpoints), [
    'orchestrate checkpoints latest',
    'orchestrate checkpoints r-7k2pq --json',
  ])
}
