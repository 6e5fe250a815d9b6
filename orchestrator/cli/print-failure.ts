import type { ErrorBody } from '../server/api.ts'
import { formatProblems } from '../spec/problems.ts'
import { isColourful } from './view/terminal.ts'

type Coded = Error & { code: string; hint: string; exit: number; problems?: ErrorBody['problems'] }

const isCoded = (error: unknown): error is Coded =>
  error instanceof Error && 'code' in error && 'hint' in error && 'exit' in error && typeof error.exit === 'number'

/** Says what went wrong, on standard error (with `json` also as the one document on standard output), and answers the exit code. */
export function printFailure(error: unknown, { json, verbose }: { json: boolean; verbose: boolean }): number {
  const coded = isCoded(error) ? error : unexpected(error)
  const { code, message, hint, exit } = coded
  const problems = coded.problems ?? []
  if (json) process.stdout.write(`${JSON.stringify({ error: { code, message, hint, exit, problems } })}\n`)
  process.stderr.write(
    `${failureLines({ code, message, hint, exit, problems }, isColourful(process.stderr)).join('\n')}\n`,
  )
  if ((verbose || process.env.DEBUG) && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  return exit
}

/** Every problem of a file, each where it is; or one sentence, and what to do. */
export function failureLines({ code, message, hint, problems = [] }: ErrorBody, colours: boolean): string[] {
  if (problems.length > 0) return [`${formatProblems(problems)} (${code})`]
  const mark = colours ? '\u001b[31m✘\u001b[39m' : '✘'
  return [`${mark} ${message} (${code})`, ...(hint === '' ? [] : [`  ${hint}`])]
}

function unexpected(error: unknown): Coded {
  const message = error instanceof Error ? error.message : String(error)
  const hint =
    'a defect of orchestrate, not of yours: --verbose shows where; logs/daemon.log in the state directory may say more'
  return Object.assign(new Error(`unexpected: ${message.split('\n', 1)[0]}`), { code: 'UNEXPECTED', hint, exit: 4 })
}
