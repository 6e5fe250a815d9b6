import { Command } from 'commander'
import { OrchestrateError } from '../../errors.ts'
import { plural } from '../../report/figures.ts'
import type { CheckpointView } from '../../server/api.ts'
import type { Client } from '../client/client.ts'
import { connect } from '../client/connect.ts'
import { type Connection, examples, withConnection } from '../options.ts'
import { printJson, printLines } from '../print.ts'
import { checkpointTable } from '../view/checkpoint-table.ts'
import { bytes } from '../view/figures.ts'
import { span } from '../view/line.ts'

type Options = Connection & { json?: boolean; job?: string }

export function command(): Command {
  const checkpoints = new Command('checkpoints')
    .description(
      'Lists the committed checkpoints of a run’s jobs: how long training waited for each, why it is kept, and whether its files were verified since.',
    )
    .argument('<run>', 'a run, or `latest`')
    .option('--json', 'one JSON document on standard output')
    .action(async (run: string, options: Options) => {
      const found = await (await connect(options)).checkpoints(run)
      if (options.json === true) return printJson({ checkpoints: found })
      printLines(found.length === 0 ? [[span('No checkpoints yet.')]] : checkpointTable(found, Date.now()))
    })
    .addCommand(verifyCommand())
  return examples(withConnection(checkpoints), [
    'orchestrate checkpoints latest',
    'orchestrate checkpoints verify latest',
    'orchestrate checkpoints r-7k2pq --json',
  ])
}

function verifyCommand(): Command {
  const verify = new Command('verify')
    .description(
      'Reads all files of the checkpoints through, and compares them with their manifests. The list remembers it.',
    )
    .argument('<run>', 'a run, or `latest`')
    .option('--job <stage>', 'only those of one stage, or of the job with this key')
    .option('--json', 'one JSON document on standard output')
    .action(async (run: string, _: Options, self: Command) => {
      // The command above takes the same options, and takes them first.
      const options = self.optsWithGlobals<Options>()
      const client = await connect(options)
      const wanted = (one: CheckpointView): boolean =>
        options.job === undefined || one.stage === options.job || one.job.startsWith(options.job)
      const found = (await client.checkpoints(run)).filter(wanted)
      if (options.job !== undefined && found.length === 0)
        throw new OrchestrateError('JOB_NOT_FOUND', `${run} has no checkpoint of a job ${options.job}`)
      const verdicts = await verifyAll(client, found)
      if (options.json === true) printJson({ checkpoints: verdicts })
      const broken = verdicts.filter(({ problems }) => problems.length > 0)
      if (broken.length > 0) throw brokenError(broken, found.length)
      if (options.json !== true) process.stdout.write(`${plural(found.length, 'checkpoint')} verified: all whole\n`)
    })
  return examples(withConnection(verify), [
    'orchestrate checkpoints verify latest',
    'orchestrate checkpoints verify r-7k2pq --job train',
  ])
}

type Verified = { manifest: string; stage: string; step: number; problems: string[] }

/** One after the other, each said as it is done: they may be large. */
async function verifyAll(client: Client, checkpoints: CheckpointView[]): Promise<Verified[]> {
  const verified: Verified[] = []
  for (const [index, { manifest, stage, step, bytes: size }] of checkpoints.entries()) {
    const { problems } = await client.verifyCheckpoint(manifest)
    verified.push({ manifest, stage, step, problems })
    const state = problems.length === 0 ? 'ok' : 'BROKEN'
    process.stderr.write(`${index + 1}/${checkpoints.length}  ${stage} step ${step}  ${bytes(size)}  ${state}\n`)
  }
  return verified
}

function brokenError(broken: Verified[], of: number): OrchestrateError {
  const problems = broken.flatMap((one) => one.problems)
  const more = problems.length > 5 ? `\n  and ${problems.length - 5} more` : ''
  const list = problems.slice(0, 5).map((problem) => `\n  ${problem}`)
  const verb = broken.length === 1 ? 'is' : 'are'
  return new OrchestrateError(
    'CHECKPOINT_BROKEN',
    `${broken.length} of ${plural(of, 'checkpoint')} ${verb} broken:${list.join('')}${more}`,
  )
}
