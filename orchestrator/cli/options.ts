import { type Command, InvalidArgumentError } from 'commander'
import { parseAge } from '../spec/units.ts'

/** What every command that talks to a daemon takes. */
export type Connection = { server?: string; state?: string; verbose?: boolean }

/** Adds the options that say which daemon is meant. */
export function withConnection(command: Command): Command {
  return command
    .option('--server <url>', 'talk to the daemon at this address ($ORCHESTRATE_SERVER) instead of this machine’s')
    .option('--state <folder>', 'the state directory ($ORCHESTRATE_STATE; .orchestrate in the checkout otherwise)')
    .option('--verbose', 'show the stack of an unexpected error')
}

/** Adds examples under a command's help, each a line that can be typed. */
export function examples(command: Command, lines: string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`)
}

/** For options that may be given more than once. */
export const repeated = (value: string, before: string[] = []): string[] => [...before, value]

/** For options that say how long, in milliseconds. */
export function age(value: string): number {
  const found = parseAge(value)
  if (found !== null) return found
  throw new InvalidArgumentError('expected a duration such as 10m, 24h, 30d or 0s.')
}

/** For options that count something. */
export function wholeNumber(value: string): number {
  if (/^\d+$/.test(value)) return Number(value)
  throw new InvalidArgumentError('expected a whole number ≥ 0.')
}
