import { Command, CommanderError } from 'commander'
import { examples } from './options.ts'
import { printFailure } from './print-failure.ts'

type Entry = { name: string; summary: string; load: () => Promise<{ command: () => Command }> }

/** Every command, in the order of `--help`. A file is loaded only when its name was typed. */
export const commands: Entry[] = [
  { name: 'run', summary: 'run a pipeline to its report', load: () => import('./commands/run.ts') },
  { name: 'plan', summary: 'show what a run would do; changes nothing', load: () => import('./commands/plan.ts') },
  { name: 'status', summary: 'the runs, or one run', load: () => import('./commands/status.ts') },
  { name: 'why', summary: 'what a job waits for, or why it failed', load: () => import('./commands/why.ts') },
  { name: 'logs', summary: 'what a job printed', load: () => import('./commands/logs.ts') },
  { name: 'cancel', summary: 'stop a run, saving a checkpoint first', load: () => import('./commands/cancel.ts') },
  { name: 'resume', summary: 'go on with a run that failed or stopped', load: () => import('./commands/resume.ts') },
  { name: 'pin', summary: 'let a run go on beside a newer one', load: () => import('./commands/pin.ts') },
  { name: 'report', summary: 'the table of a run, and its HTML report', load: () => import('./commands/report.ts') },
  {
    name: 'checkpoints',
    summary: 'the committed checkpoints of a run',
    load: () => import('./commands/checkpoints.ts'),
  },
  {
    name: 'certify',
    summary: 'prove that a killed job resumes to the same bits',
    load: () => import('./commands/certify.ts'),
  },
  { name: 'gc', summary: 'delete what nobody needs any more', load: () => import('./commands/gc.ts') },
  { name: 'cache', summary: 'what is cached, and why a job is not', load: () => import('./commands/cache.ts') },
  { name: 'debug', summary: 'run an attempt again in the foreground', load: () => import('./commands/debug.ts') },
  { name: 'doctor', summary: 'check this machine; says what to type', load: () => import('./commands/doctor.ts') },
  {
    name: 'recover',
    summary: 'compare Redis with the store, and mend it',
    load: () => import('./commands/recover.ts'),
  },
  { name: 'image', summary: 'build the image of container pools', load: () => import('./commands/image.ts') },
  { name: 'schema', summary: 'the JSON Schema of pipeline files', load: () => import('./commands/schema.ts') },
  {
    name: 'serve',
    summary: 'the daemon in the foreground, with an address',
    load: () => import('./commands/serve.ts'),
  },
  { name: 'token', summary: 'who may use a server from elsewhere', load: () => import('./commands/token.ts') },
  { name: 'agent', summary: 'make this machine a host of a pool', load: () => import('./commands/agent.ts') },
  { name: 'stop', summary: 'end the daemon; attempts go on', load: () => import('./commands/stop.ts') },
]

const version = '0.1.0'

/** Runs one command line and answers its exit code; prints what went wrong. */
export async function main(argv: string[]): Promise<number> {
  const program = new Command('orchestrate')
    .description('Schedules, runs and compares robot-learning training pipelines.')
    .version(version)
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError('(see --help)')
  examples(program, ['orchestrate run jobs/quickstart.yaml', 'orchestrate status', 'orchestrate why train'])
  for (const { name, summary, load } of commands) {
    if (argv.includes(name))
      program.addCommand((await load()).command().summary(summary).copyInheritedSettings(program))
    else program.command(name).summary(summary)
  }
  try {
    await program.parseAsync(argv, { from: 'user' })
    return Number(process.exitCode ?? 0)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 || error.code === 'commander.help' ? 0 : 2
    return printFailure(error, { json: argv.includes('--json'), verbose: argv.includes('--verbose') })
  }
}
