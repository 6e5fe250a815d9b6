import { Command } from 'commander'
import type { CollectView } from '../../server/api.ts'
import { connect } from '../client/connect.ts'
import { age, type Connection, examples, withConnection } from '../options.ts'
import { printJson, printLines } from '../print.ts'
import { collectTable, planTable } from '../view/collect-table.ts'
import { type Line, span } from '../view/line.ts'

type Options = Connection & { dryRun?: boolean; olderThan?: number; grace?: number; json?: boolean }

const help = `
What goes:
  checkpoints that \`checkpoint: { keep: … }\` of their stage doesn't keep, and those of replaced attempts; also of jobs
    that are over. The newest good one, the one before it, and what an attempt may be resuming from always stay.
  what attempts that ended have left unfinished: parts of a checkpoint, outputs that never were listed
  artifacts that no run has needed for 30 days, with the checkpoints of their jobs: they are made again when they are
    needed. What a job that never succeeded has saved stays.
  logs after 90 days

Each is marked first, and deleted by a later pass, 10 minutes after at the earliest, if nothing needs it by then. The
daemon makes a pass every 10 minutes by itself. ORCHESTRATE_GC_EVERY (a duration, or never), ORCHESTRATE_GC_GRACE,
ORCHESTRATE_GC_OLDER_THAN and ORCHESTRATE_GC_LOGS, where the daemon is started, say otherwise.`

export function command(): Command {
  const gc = new Command('gc')
    .description('Deletes what the store no longer needs to keep: marks it first, and deletes it in a later pass.')
    .option('--dry-run', 'change nothing; list what a pass would do')
    .option('--older-than <time>', 'artifacts that no run has needed for so long, such as 7d; 0s: all of them', age)
    .option(
      '--grace <time>',
      'time between mark and deletion, such as 1h; 0s: delete at once what this pass marks',
      age,
    )
    .option('--json', 'one JSON document on standard output')
    .addHelpText('after', help)
    .action(async (options: Options) => {
      const client = await connect(options)
      const asked = {
        ...(options.olderThan === undefined ? {} : { olderThanMs: options.olderThan }),
        ...(options.grace === undefined ? {} : { graceMs: options.grace }),
      }
      if (options.dryRun === true) {
        const plan = await client.collect({ action: 'plan', ...asked })
        return options.json === true ? printJson(plan) : printLines(lines(plan, planTable))
      }
      let done = await client.collect({ action: 'collect', ...asked })
      // Without a grace the later pass may as well be the next.
      if (options.grace === 0) done = both(done, await client.collect({ action: 'collect', ...asked }))
      return options.json === true ? printJson(done) : printLines(lines(done, collectTable))
    })
  return examples(withConnection(gc), [
    'orchestrate gc --dry-run',
    'orchestrate gc',
    'orchestrate gc --older-than 0s --grace 0s',
  ])
}

function lines(view: CollectView, table: (view: CollectView) => Line[]): Line[] {
  const found = view.items.length === 0 ? [[span('Nothing to collect.')]] : table(view)
  const skipped = view.skipped.map(({ job, problem }) => [span(`left alone: ${job.slice(0, 7)}: ${problem}`, 'bad')])
  return [...found, ...skipped]
}

const both = (first: CollectView, second: CollectView): CollectView => ({
  ...second,
  items: [...first.items.filter(({ action }) => action === 'delete' || action === 'take back'), ...second.items],
})
