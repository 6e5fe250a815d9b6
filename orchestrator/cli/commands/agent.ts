import { Command } from 'commander'
import { startAgent } from '../../agent/agent.ts'
import { readAgentSettings } from '../../agent/agent-settings.ts'
import { openLog } from '../../server/open-log.ts'
import { makeStateDir } from '../../server/settings.ts'
import { examples } from '../options.ts'

type Options = { pool: string; name?: string; state?: string }

export function command(): Command {
  const agent = new Command('agent')
    .description(
      'Makes this machine a host of a pool, in the foreground. Ctrl-C, or SIGTERM, drains it: it takes nothing new, and ends when what runs is over; once more asks what runs to save and end; a third time, or SIGHUP, ends it at once: what runs goes on, and the next agent here takes it up.',
    )
    .requiredOption('--pool <name>', 'the pool, as the control plane calls it')
    .option('--name <host>', 'what this machine is called in its pool (its hostname)')
    .option('--state <folder>', 'a folder of its own ($ORCHESTRATE_STATE, else .orchestrate-agent)')
    .option('--verbose', 'show the stack of an unexpected error')
    .action(agent_)
  return examples(agent, [
    'REDIS_URL=rediss://:…@head:6379 ORCHESTRATE_STORE=s3://lab/store orchestrate agent --pool lab',
    'orchestrate agent --pool lab --name box-2',
  ])
}

async function agent_(options: Options): Promise<void> {
  const settings = readAgentSettings(process.env, options)
  makeStateDir(settings.stateDir)
  const { log, file } = openLog(settings.stateDir)
  const agent = await startAgent(settings, log)
  const { cores, gpus } = agent.capacity
  process.stderr.write(
    `${settings.host} has joined pool ${settings.pool}: ${cores} cores, ${gpus.length} GPUs\n  store  ${settings.store.url}\n  log    ${file}\n`,
  )
  let asked = 0
  const end = (): void => {
    asked += 1
    if (asked > 2) return agent.leave()
    agent.drain()
    process.stderr.write(
      asked === 1
        ? 'draining: takes nothing new; once more to have what runs save and end\n'
        : 'what runs saves and ends\n',
    )
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, end)
  process.on('SIGHUP', agent.leave)
  const how = await agent.ended
  process.stderr.write(how === 'drained' ? 'drained\n' : 'ended; what runs goes on\n')
}
