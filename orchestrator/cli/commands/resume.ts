import { Command } from 'commander'
import { connect } from '../client/connect.ts'
import { finishRun } from '../finish-run.ts'
import { type Connection, examples, withConnection } from '../options.ts'
import { secretsFrom } from '../submit/secrets.ts'

type Options = Connection & { detach?: boolean; json?: boolean }

export function command(): Command {
  const resume = new Command('resume')
    .description(
      'Goes on with a run that failed or was cancelled: from its last checkpoints, with a fresh retry budget.',
    )
    .argument('<run>', 'a run, or `latest`')
    .option('--detach', 'return at once')
    .option('--json', 'one JSON document on standard output')
    .action(async (run: string, options: Options) => {
      const client = await connect(options)
      const secrets = secretsFrom((await client.run(run)).secrets)
      await finishRun({ client, view: await client.resume(run, secrets), options })
    })
  return examples(withConnection(resume), ['orchestrate resume r-7k2pq', 'orchestrate resume latest --detach'])
}
