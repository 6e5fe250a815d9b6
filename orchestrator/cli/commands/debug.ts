import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { OrchestrateError } from '../../errors.ts'
import { foldersOf, type JobFile } from '../../protocol/job-file.ts'
import { stateDirectory } from '../client/connect.ts'
import { debugJob } from '../debug/debug-job.ts'
import { firstBad, lastWords, readJob } from '../debug/read-attempt.ts'
import { runRanks } from '../debug/run-ranks.ts'
import { makeScratch, writeSecrets } from '../debug/scratch.ts'
import { holdingFolders } from '../hold-folders.ts'
import { type Connection, examples, repeated, wholeNumber } from '../options.ts'
import { secretsFrom } from '../submit/secrets.ts'

type Options = Connection & { rank?: number; secret?: string[] }

export function command(): Command {
  const debug = new Command('debug')
    .description(
      'Runs an attempt of this machine again, in the foreground: the same job.json, inputs and code, in a directory of its own. What it writes is never resumed from or published.',
    )
    .argument('<attempt>', 'as `orchestrate why` names it: a-3f9a1c2b4d-1')
    .option('--rank <n>', 'the rank that gets this terminal (the one that failed first, else 0)', wholeNumber)
    .option('--secret <name>', 'give it this secret from the environment; may be repeated', repeated)
    .option('--state <folder>', 'the state directory ($ORCHESTRATE_STATE)')
    .option('--verbose', 'show the stack of an unexpected error')
    .action(debug_)
  return examples(debug, [
    'orchestrate debug a-3f9a1c2b4d-1',
    'orchestrate debug a-3f9a1c2b4d-1 --rank 1 --secret HF_TOKEN',
  ])
}

async function debug_(attempt: string, options: Options): Promise<void> {
  const state = stateDirectory(options)
  const job = await readJob(join(state, 'attempts', attempt), attempt)
  await holdingFolders(state, job, () => runAgain(state, job, options))
}

async function runAgain(state: string, job: JobFile, options: Options): Promise<void> {
  const { attempt } = job
  const missing = foldersOf(job).filter((path) => !existsSync(path))
  if (missing.length > 0) {
    throw new OrchestrateError(
      'INPUT_NOT_FOUND',
      `what ${attempt} ran from is no longer on this machine: ${missing.join(', ')}; resume its run to bring it back`,
    )
  }
  const rank = options.rank ?? (await firstBad(join(state, 'attempts', attempt))) ?? 0
  if (rank >= job.ranks)
    throw new OrchestrateError('ARGUMENT_INVALID', `--rank ${rank}: ${attempt} has ranks 0 to ${job.ranks - 1}`)
  const values = secretsFrom(options.secret ?? [])
  const { name, directory } = await makeScratch(join(state, 'debug'), attempt)
  const secrets = await writeSecrets(directory, values)
  await writeFile(join(directory, 'job.json'), `${JSON.stringify(debugJob(job, { name, secrets }), null, 2)}\n`)
  say(`${job.stage}, entry ${job.entry}; the attempt's directory is ${directory}`)
  say(`code ${job.code}`)
  say(`argv ${job.command.join(' ')}`)
  if (job.ranks > 1)
    say(`rank ${rank} of ${job.ranks} has this terminal; the others write ${join(directory, 'std*.log')}`)
  if (job.secrets !== null && secrets === null)
    say('it was given secrets: name them with --secret NAME if it needs them')
  try {
    const ends = await runRanks(debugJob(job, { name, secrets }), directory, rank)
    for (const end of ends) if (end.code !== 0) say(`rank ${end.rank} ended with ${end.signal ?? `code ${end.code}`}`)
    const words = await lastWords(directory)
    if (words !== null) say(`it says: ${words}`)
    process.exitCode = ends.every(({ code }) => code === 0) ? 0 : 1
    say(`what it left is in ${directory}`)
  } finally {
    if (secrets !== null) await rm(secrets, { force: true })
  }
}

const say = (text: string) => process.stderr.write(`orchestrate: ${text}\n`)
