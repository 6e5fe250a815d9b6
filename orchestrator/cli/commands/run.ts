import { Command } from 'commander'
import { OrchestrateError } from '../../errors.ts'
import type { Submission } from '../../server/api.ts'
import { readSettings } from '../../server/settings.ts'
import type { Until } from '../../spec/gates/gate.ts'
import type { Client } from '../client/client.ts'
import { connect, serverUrl, stateDirectory } from '../client/connect.ts'
import { finishRun } from '../finish-run.ts'
import { examples } from '../options.ts'
import { printJson } from '../print.ts'
import { checkPython } from '../submit/check-python.ts'
import { type SubmitOptions, withSubmission } from '../submit/options.ts'
import { type Prepared, prepare, upload } from '../submit/submit.ts'
import { until } from '../submit/until.ts'
import { runUntilDecided } from '../until-decided.ts'

type Options = SubmitOptions & {
  detach?: boolean
  json?: boolean
  junit?: string
  missing?: boolean
  wait?: boolean
  untilDecided?: Until | true
}

export function command(): Command {
  const run = new Command('run')
    .description(
      'Runs a pipeline: checks it, submits it, and shows it until it ends. What was done before is not done again.',
    )
    .option('--detach', 'return at once; `orchestrate status` shows the run')
    .option('--wait', 'wait until it ends, as it does anyway: for scripts that say so')
    .option(
      '--supersedes <word>',
      'stop older runs of this pipeline with the same word and another commit, as `owner/repo#12`',
    )
    .option('--pin', 'no newer run takes its place')
    .option('--junit <file>', 'write how cells and gates went for a test reporter')
    .option(
      '--until-decided [limit]',
      'add seeds or trials while a gate is undecided, up to what the file says, or to `seeds=10`, `trials=400`',
      until,
    )
    .option('--missing', 'only the cells that are missing or failed in earlier runs of this pipeline')
    .action(async (file: string, options: Options) => {
      if (options.missing === true && !options.cache)
        throw new OrchestrateError(
          'ARGUMENT_INVALID',
          '--missing and --no-cache: one leaves out what the other makes again',
        )
      if (options.missing === true && options.untilDecided !== undefined)
        throw new OrchestrateError('ARGUMENT_INVALID', '--missing and --until-decided can not be given together')
      if (options.wait === true && options.detach === true)
        throw new OrchestrateError('ARGUMENT_INVALID', '--wait and --detach exclude each other')
      const prepared = await prepare(file, options)
      await checkInterpreter(prepared, options)
      const client = await connect(options)
      const { untilDecided } = options
      if (untilDecided !== undefined) {
        const limit = untilDecided === true ? null : untilDecided
        return runUntilDecided({ client, file, options, limit })
      }
      await upload(client, prepared)
      if (options.missing === true && !(await chooseMissing(client, prepared.submission, options.json === true))) return
      const view = await client.submit(prepared.submission)
      await finishRun({ client, view, options, file })
    })
  return examples(withSubmission(run), [
    'orchestrate run jobs/quickstart.yaml',
    'orchestrate run jobs/quickstart.yaml --set train.with.steps=100 --only full',
    'orchestrate run jobs/quickstart.yaml --missing',
    'orchestrate run jobs/quickstart.yaml --detach --label why=baseline',
    "orchestrate run jobs/quickstart.yaml --gate 'policy success(full) >= success(baseline) - 5 points' --junit gates.xml",
    'orchestrate run jobs/quickstart.yaml --json | jq .cells',
  ])
}

/** Narrows a submission to the cells that are missing or failed, and says why each; false where none is. */
async function chooseMissing(client: Client, submission: Submission, json: boolean): Promise<boolean> {
  const cells = await client.cells(submission)
  const wanted = cells.filter(({ state }) => state === 'missing' || state === 'failed')
  const out = json ? process.stderr : process.stdout
  for (const { cell, state, reason } of wanted) out.write(`${cell}: ${state}, ${reason}\n`)
  submission.only = wanted.map(({ cell }) => cell)
  if (wanted.length > 0) return true
  const running = cells.filter(({ state }) => state === 'running').length
  out.write(`nothing is missing: ${cells.length - running} cells done, ${running} running\n`)
  if (json) printJson({ cells })
  return false
}

/** Of a daemon elsewhere it is not known here which interpreter it has. */
async function checkInterpreter({ lock }: Prepared, options: Options): Promise<void> {
  if (lock === null || serverUrl(options) !== null) return
  const state = stateDirectory(options)
  const { python } = readSettings(process.env, { state })
  for (const warning of await checkPython(python, lock, state)) process.stderr.write(`${warning}\n`)
}
