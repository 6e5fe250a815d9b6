import type { Command } from 'commander'
import { type Connection, repeated, withConnection } from '../options.ts'

/** What `run` and `plan` take alike. */
export type SubmitOptions = Connection & {
  set?: string[]
  only?: string[]
  label?: string[]
  gate?: string[]
  supersedes?: string
  pin?: boolean
  /** Which look at growing data this is. */
  look?: number
  cache: boolean
}

export function withSubmission(command: Command): Command {
  command
    .argument('<file>', 'the pipeline')
    .option('--set <stage.key=value>', 'change something, as `train.with.steps=100`; may be repeated', repeated)
    .option('--only <cell>', 'only this cell of the matrix; may be repeated', repeated)
    .option('--gate <gate>', 'what the result must show, beside the gates of the file; may be repeated', repeated)
    .option('--no-cache', 'do everything again, whatever was done before')
    .option('--label <name=value>', 'to find the run by; may be repeated', repeated)
    .option('--json', 'one JSON document on standard output, everything else on standard error')
  return withConnection(command)
}
