import { Command } from 'commander'
import { connect } from '../client/connect.ts'
import { type Connection, examples, withConnection } from '../options.ts'
import { printJson } from '../print.ts'
import { refFromWords } from '../view/job-name.ts'
import { printable } from '../view/line.ts'

type Options = Connection & { run?: string; json?: boolean }

export function command(): Command {
  const why = new Command('why')
    .description('Says what a job waits for, or why it failed, in a sentence with the evidence.')
    .argument('<job...>', 'a stage, a stage and its cell, or a key')
    .option('--run <run>', 'in this run, not the newest that has the job')
    .option('--json', 'one JSON document on standard output')
    .action(async (words: string[], options: Options) => {
      const client = await connect(options)
      const answer = await client.why(refFromWords(words), options.run)
      if (options.json === true) return printJson(answer)
      const evidence = answer.evidence.map((line) => `  ${printable(line)}`)
      const next = answer.next.map((line, index) => `${index === 0 ? '  next  ' : '        '}${printable(line)}`)
      process.stdout.write(`${[printable(answer.sentence), ...evidence, ...next].join('\n')}\n`)
    })
  return examples(withConnection(why), [
    'orchestrate why train',
    "orchestrate why 'evaluate[full]'",
    'orchestrate why evaluate full',
    'orchestrate why 3f9a1c2',
  ])
}
