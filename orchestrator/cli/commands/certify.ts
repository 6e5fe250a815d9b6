import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { Command } from 'commander'
import { OrchestrateError } from '../../errors.ts'
import { type Certificate, firstDifference } from '../../report/certificate/certificate.ts'
import { shortDuration } from '../../report/figures.ts'
import { workerEnv } from '../../server/conduct/worker-env.ts'
import { readSettings } from '../../server/settings.ts'
import { certificateLines } from '../certify/certificate-lines.ts'
import { certifyJob, type Subject } from '../certify/certify-job.ts'
import { type Choice, chooseJobs } from '../certify/choose-jobs.ts'
import type { How } from '../certify/run-twins.ts'
import { inScratch } from '../certify/scratch.ts'
import { teller } from '../certify/tell.ts'
import { parseWith } from '../certify/twin-job.ts'
import { writeCertificates } from '../certify/write-certificate.ts'
import { connect, stateDirectory } from '../client/connect.ts'
import { holdingFolders } from '../hold-folders.ts'
import { type Connection, examples, repeated, wholeNumber } from '../options.ts'
import { printJson, printLines } from '../print.ts'
import { failureLines } from '../print-failure.ts'
import { secretsFrom } from '../submit/secrets.ts'
import { span } from '../view/line.ts'
import { shownPath } from '../view/shown-path.ts'
import { isColourful } from '../view/terminal.ts'

type Options = Connection & {
  run?: string
  with?: string[]
  ranks?: number
  seed?: number
  kills: number
  secret?: string[]
  keep?: boolean
  json?: boolean
}

export function command(): Command {
  const certify = new Command('certify')
    .description(
      'Runs a job twice from the same start in a scratch folder: once undisturbed, once killed at a random step and resumed. Compares outputs, training state and curves bit for bit, and writes a certificate beside the run.',
    )
    .argument(
      '<run|job...>',
      'a run (each stage that saves its progress), `latest`, or a job as `orchestrate why` takes it',
    )
    .option('--run <run>', 'of a job: in this run, not the newest that has it')
    .option(
      '--with <key=value>',
      'set a key of the config for the certification, such as steps=60; may be repeated',
      repeated,
    )
    .option('--ranks <n>', 'with so many ranks, whatever the job ran with', wholeNumber)
    .option('--seed <n>', 'what steps, ranks and shard are drawn from (a random one, which is printed)', wholeNumber)
    .option('--kills <n>', 'how often it is killed', wholeNumber, 1)
    .option('--secret <name>', 'give it this secret from the environment; may be repeated', repeated)
    .option('--keep', 'keep the scratch folder with both twins')
    .option('--json', 'one JSON document on standard output')
    .option('--state <folder>', 'the state directory ($ORCHESTRATE_STATE)')
    .option('--verbose', 'show the stack of an unexpected error')
    .action(certify_)
  return examples(certify, [
    'orchestrate certify latest',
    'orchestrate certify train --with steps=60 --ranks 2',
    "orchestrate certify 'train[full]' --kills 3 --seed 7",
  ])
}

async function certify_(words: string[], options: Options): Promise<void> {
  const state = stateDirectory(options)
  const seed = options.seed ?? randomInt(2 ** 31)
  const how: How = {
    changes: { with: parseWith(options.with ?? []), ranks: options.ranks ?? null },
    seed,
    kills: options.kills,
  }
  for (const [name, value] of [
    ['--ranks', options.ranks],
    ['--kills', options.kills],
  ] as const)
    if (value === 0) throw new OrchestrateError('ARGUMENT_INVALID', `${name} 0: expected at least 1`)
  const client = await connect({ ...options, state })
  const choice = await chooseJobs(client, words, options.run, seed)
  checkWith(choice, how)
  announce(choice, how)

  const interrupted = new AbortController()
  const onInterrupt = () => interrupted.abort(new Interrupted())
  for (const one of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(one, onInterrupt)
  const made: Certificate[] = []
  try {
    for (const subject of choice.subjects) made.push(await certifyOne(subject, how, options, interrupted.signal))
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error
    say('stopped; the twins are gone')
  } finally {
    for (const one of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(one, onInterrupt)
  }
  if (interrupted.signal.aborted) process.exitCode = 130
  if (made.length === 0) return
  const folder = await writeCertificates(state, choice.run, made)
  if (options.json === true) printJson({ run: choice.run, seed, folder, certificates: made, leftOut: choice.leftOut })
  else {
    printLines([
      ...certificateLines(made),
      [],
      [span('certificate  ', 'dim'), span(shownPath(join(folder, 'certificate.md')))],
    ])
  }
  const different = made.find(({ verdict }) => verdict === 'different')
  if (different !== undefined) fail(different)
}

class Interrupted extends Error {}

async function certifyOne(subject: Subject, how: How, options: Options, signal: AbortSignal): Promise<Certificate> {
  const state = stateDirectory(options)
  const { python } = readSettings(process.env, { state })
  const tell = teller(process.stderr, subject.job.stage)
  const given = secretsFrom(options.secret ?? [])
  try {
    return await inScratch({ state, python, keep: options.keep === true }, (scratch, engine) => {
      if (options.keep === true) say(`the twins of ${subject.job.stage} are kept in ${scratch}`)
      const bench = { engine, scratch, env: workerEnv(), secrets: given, signal, tell }
      return holdingFolders(state, subject.job, () => certifyJob(bench, subject, how))
    })
  } finally {
    tell.end()
  }
}

/** A key that no stage has is a mistake; one that only some have is set for these. */
function checkWith({ subjects }: Choice, { changes }: How): void {
  for (const key of Object.keys(changes.with)) {
    if (subjects.some(({ job }) => key in job.config)) continue
    const known = [...new Set(subjects.flatMap(({ job }) => Object.keys(job.config)))].sort().join(', ')
    throw new OrchestrateError('ARGUMENT_INVALID', `--with ${key}: there is no such key; there are ${known}`)
  }
}

/** Twice the job, and what the kills make it do again. */
function announce({ run, subjects, leftOut }: Choice, { changes, seed, kills }: How): void {
  const stages = subjects.map(({ job }) => job.stage).join(', ')
  const seconds = subjects.reduce((sum, subject) => sum + subject.seconds, 0) * (2 + 0.3 * kills)
  const time = Object.keys(changes.with).length > 0 ? '' : `, about ${shortDuration(seconds)}`
  say(`certifying ${stages} of ${run} with seed ${seed}${time}`)
  for (const { name, why } of leftOut) say(`left out: ${name}: ${why}`)
  for (const { job } of subjects)
    if (job.secrets !== null) say(`${job.stage} was given secrets: name them with --secret NAME if it needs them`)
}

function fail(different: Certificate): void {
  const error = new OrchestrateError(
    'CERTIFY_DIFFERS',
    `${different.stage} resumes to other bits: ${firstDifference(different)}`,
  )
  process.stderr.write(`${failureLines(error, isColourful(process.stderr)).join('\n')}\n`)
  process.exitCode = error.exit
}

const say = (text: string) => process.stderr.write(`orchestrate: ${text}\n`)
