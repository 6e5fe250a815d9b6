import { resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { OrchestrateError } from '../../errors.ts'
import { startDaemon } from '../../server/daemon.ts'
import { openLog } from '../../server/open-log.ts'
import { makeStateDir, readSettings } from '../../server/settings.ts'
import { standBy } from '../../server/stand-by.ts'
import { stateDirectory } from '../client/connect.ts'
import { type Connection, examples } from '../options.ts'

type Options = Connection & { host: string; port: number; tlsCert?: string; tlsKey?: string; standby?: true }

export function command(): Command {
  const serve = new Command('serve')
    .description(
      'Runs the daemon in the foreground, with an address that tunnels and browsers of this machine reach. Ctrl-C ends it; attempts go on.',
    )
    .option('--host <host>', 'the address to listen on; of this machine only, unless with TLS', '127.0.0.1')
    .option('--port <port>', 'the port to listen on', port, 7420)
    .option('--tls-cert <file>', 'a certificate in PEM, with its chain: other machines may then come, with tokens')
    .option('--tls-key <file>', 'its key')
    .option('--state <folder>', 'the state directory ($ORCHESTRATE_STATE)')
    .option(
      '--standby',
      'wait for the control plane that has the state directory or the store, and take over when it has gone',
    )
    .option('--verbose', 'show the stack of an unexpected error')
    .action(serve_)
  return examples(serve, [
    'orchestrate serve',
    'orchestrate serve --port 8080',
    'orchestrate serve --standby',
    'orchestrate status --server http://127.0.0.1:7420',
  ])
}

async function serve_(options: Options): Promise<void> {
  const { host, port, tlsCert, tlsKey } = options
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new OrchestrateError('ARGUMENT_INVALID', '--tls-cert and --tls-key go together')
  const tls = tlsCert && tlsKey ? { tls: { cert: resolve(tlsCert), key: resolve(tlsKey) } } : {}
  const settings = readSettings(process.env, { state: stateDirectory(options), host, port, ...tls, foreground: true })
  makeStateDir(settings.stateDir)
  const { log, file } = openLog(settings.stateDir)
  const follows = (whom: string) => process.stderr.write(`standing by for ${whom}; nothing is served before\n`)
  const daemon = await (options.standby ? standBy(settings, log, follows) : startDaemon(settings, log))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, daemon.stop)
  const { address, store, redis } = daemon.health()
  process.stderr.write(
    `serving ${settings.stateDir} at ${address}\n  store  ${store}\n  redis  ${redis}\n  log    ${file}\n`,
  )
  await daemon.stopped
  process.stderr.write('ended; attempts go on\n')
}

function port(value: string): number {
  const number = Number(value)
  if (/^\d+$/.test(value) && number > 0 && number < 65_536) return number
  throw new InvalidArgumentError('expected a port, 1 to 65535.')
}
