import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { OrchestrateError } from '../../errors.ts'
import { AttemptExit } from '../../protocol/exit-record.ts'
import { JobFile } from '../../protocol/job-file.ts'
import { WorkerEvent } from '../../protocol/worker-event.ts'
import { stateDirectory } from '../client/connect.ts'
import { debugJob } from '../debug/debug-job.ts'
import { runRanks } from '../debug/run-ranks.ts'
import { type Connection, examples, repeated } from '../options.ts'

type Options = Connection & { rank?: number; secret?: string[] }

export function command(): Command {
  const debug = new Command('debug')
    .description(
      'Runs an attempt of this machine again, in the foreground: the same job.json, inputs and code, in a directory of its own. What it writes is never resumed from or published.',
    )
    .argument('<attempt>', 'as `orchestrate why` names it: a-3f9a1c2b4d-1')
    .option('--rank <n>', 'the rank that gets this terminal (the one that failed first, else 0)', rankNumber)
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
  const original = join(state, 'attempts', attempt)
  const job = await readJob(original, attempt)
  const missing = [
    job.code,
    ...Object.values(job.inputs).flatMap((input) => (input === null ? [] : [input.path])),
  ].filter((path) => !existsSync(path))
  if (missing.length > 0) {
    throw new OrchestrateError(
      'INPUT_NOT_FOUND',
      `what ${attempt} ran from is no longer on this machine: ${missing.join(', ')}; resume its run to bring it back`,
    )
  }
  const { name, directory } = await makeScratch(join(state, 'debug'), attempt)
  const secrets = await writeSecrets(directory, options.secret ?? [])
  await writeFile(join(directory, 'job.json'), `${JSON.stringify(debugJob(job, { name, secrets }), null, 2)}\n`)
  const rank = options.rank ?? (await firstBad(original)) ?? 0
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

async function readJob(directory: string, attempt: string): Promise<JobFile> {
  const text = await readFile(join(directory, 'job.json'), 'utf8').catch((cause: Error) => {
    throw new OrchestrateError(
      'ATTEMPT_NOT_FOUND',
      `no attempt '${attempt}' on this machine: there is no ${join(directory, 'job.json')}`,
      { cause },
    )
  })
  return JobFile.parse(JSON.parse(text))
}

async function makeScratch(folder: string, attempt: string): Promise<{ name: string; directory: string }> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  for (let n = 1; ; n += 1) {
    const name = `${attempt}-debug-${n}`
    const directory = join(folder, name)
    const made = await mkdir(directory).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false
        throw error
      },
    )
    if (!made) continue
    for (const inside of ['outputs', 'samples']) await mkdir(join(directory, inside))
    return { name, directory }
  }
}

async function writeSecrets(directory: string, names: string[]): Promise<string | null> {
  if (names.length === 0) return null
  const values = names.map((name) => {
    const value = process.env[name]
    if (value === undefined)
      throw new OrchestrateError('SECRET_MISSING', `the secret ${name} is not set in the environment`)
    return [name, value] as const
  })
  const path = join(directory, 'secrets.json')
  await writeFile(path, JSON.stringify(Object.fromEntries(values)), { mode: 0o600 })
  return path
}

async function firstBad(directory: string): Promise<number | null> {
  const text = await readFile(join(directory, 'exit.json'), 'utf8').catch(() => null)
  const parsed = text === null ? null : AttemptExit.safeParse(JSON.parse(text))
  return parsed?.success === true ? parsed.data.firstBad : null
}

/** What a rank reported as the reason why it failed, if one did. */
async function lastWords(directory: string): Promise<string | null> {
  for (const name of (await readdir(directory)).filter((file) => /^events\.\d+\.jsonl$/.test(file)).sort()) {
    const last = (await readFile(join(directory, name), 'utf8')).trimEnd().split('\n').at(-1) ?? ''
    const event = WorkerEvent.safeParse(parse(last))
    if (event.success && event.data.type === 'failed') return `${event.data.message} (${event.data.code})`
  }
  return null
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null // cut off in the middle
  }
}

function rankNumber(value: string): number {
  if (/^\d+$/.test(value)) return Number(value)
  throw new InvalidArgumentError('expected a whole number ≥ 0.')
}

const say = (text: string) => process.stderr.write(`orchestrate: ${text}\n`)
