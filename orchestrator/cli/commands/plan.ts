import { Command } from 'commander'
import { connect } from '../client/connect.ts'
import { examples } from '../options.ts'
import { printJson, printLines } from '../print.ts'
import { type SubmitOptions, withSubmission } from '../submit/options.ts'
import { prepare, upload } from '../submit/submit.ts'
import { planLines } from '../view/plan-lines.ts'

type Options = SubmitOptions & { json?: boolean }

export function command(): Command {
  const plan = new Command('plan')
    .description(
      'Shows what a run of this pipeline would do, cell by cell: run, shared or cached, with totals. Changes nothing.',
    )
    .action(async (file: string, options: Options) => {
      const prepared = await prepare(file, options)
      const client = await connect(options)
      await upload(client, prepared)
      const view = await client.plan(prepared.submission)
      if (options.json !== true) return printLines(planLines(view, Date.now()))
      printJson(view)
    })
  return examples(withSubmission(plan), [
    'orchestrate plan jobs/quickstart.yaml',
    'orchestrate plan jobs/quickstart.yaml --set train.with.steps=100 --json',
  ])
}
