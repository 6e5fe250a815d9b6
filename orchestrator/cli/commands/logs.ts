import { pipeline } from 'node:stream/promises'
import { Command } from 'commander'
import type { LogQuery } from '../client/client.ts'
import { connect } from '../client/connect.ts'
import { type Connection, examples, wholeNumber, withConnection } from '../options.ts'
import { refFromWords } from '../view/job-name.ts'

type Options = Connection & {
  run?: string
  rank: number
  shard: number
  stderr?: boolean
  attempt?: string
  tail?: number
  follow?: boolean
}

export function command(): Command {
  const logs = new Command('logs')
    .description('Prints what a job printed: its newest attempt, rank 0, standard output unless told otherwise.')
    .argument('<job...>', 'a stage, a stage and its cell, or a key')
    .option('--run <run>', 'in this run, not the newest that has the job')
    .option('--rank <n>', 'of this rank', wholeNumber, 0)
    .option('--shard <n>', 'of this shard', wholeNumber, 0)
    .option('--stderr', 'standard error')
    .option('--attempt <attempt>', 'of this attempt')
    .option('--tail <lines>', 'the last lines only', wholeNumber)
    .option('--follow', 'go on as it is written, until the job ends')
    .action(async (words: string[], options: Options) => {
      const leaving = new AbortController()
      process.once('SIGINT', () => leaving.abort())
      const response = await (await connect(options)).logs(refFromWords(words), queryOf(options), leaving.signal)
      await pipeline(response, process.stdout, { end: false, signal: leaving.signal }).catch((error: Error) => {
        if (!leaving.signal.aborted) throw error
        process.exitCode = 130
      })
    })
  return examples(withConnection(logs), [
    'orchestrate logs train --follow',
    "orchestrate logs 'train[full]' --rank 1 --stderr --tail 50",
  ])
}

function queryOf({ run, rank, shard, stderr, attempt, tail, follow }: Options): LogQuery {
  return {
    rank,
    shard,
    stream: stderr === true ? 'stderr' : 'stdout',
    ...(run === undefined ? {} : { run }),
    ...(attempt === undefined ? {} : { attempt }),
    ...(tail === undefined ? {} : { tail }),
    ...(follow === true ? { follow } : {}),
  }
}
