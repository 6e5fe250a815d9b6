import { resolve } from 'node:path'
import { OrchestrateError } from '../../errors.ts'
import { checkout } from '../../server/settings.ts'
import type { Connection } from '../options.ts'
import { type Client, createClient } from './client.ts'
import { ensureDaemon, findDaemon } from './ensure-daemon.ts'

/** The daemon that the user means: the one at an address, or this machine's, started when there is none. */
export async function connect(options: Connection): Promise<Client> {
  const url = serverUrl(options)
  return url === null ? ensureDaemon(stateDirectory(options), { anyBuild: false }) : createClient({ kind: 'url', url })
}

/**
 * The same daemon again after its connection was lost. Its build doesn't matter then: two clients of different builds would
 * otherwise take turns in replacing it.
 */
export async function reconnect(options: Connection): Promise<Client> {
  const url = serverUrl(options)
  return url === null ? ensureDaemon(stateDirectory(options), { anyBuild: true }) : createClient({ kind: 'url', url })
}

/** The daemon that is there, or null: for what makes no sense without one. */
export async function connectIfRunning(options: Connection): Promise<Client | null> {
  const url = serverUrl(options)
  return url === null
    ? ((await findDaemon(stateDirectory(options)))?.client ?? null)
    : createClient({ kind: 'url', url })
}

/** `--state`, else $ORCHESTRATE_STATE, else `.orchestrate` in the checkout, from whatever folder one calls. */
export function stateDirectory({ state }: Connection): string {
  const given = state ?? process.env.ORCHESTRATE_STATE
  return given === undefined || given === '' ? resolve(checkout, '.orchestrate') : resolve(given)
}

export function serverUrl({ server, state }: Connection): string | null {
  // Who names a state directory means this machine, whatever the environment says.
  const given = server ?? (state === undefined ? process.env.ORCHESTRATE_SERVER : undefined)
  if (given === undefined || given === '') return null
  if (!/^https?:\/\//.test(given) || !URL.canParse(given)) {
    throw new OrchestrateError(
      'ARGUMENT_INVALID',
      `--server: expected an address such as http://127.0.0.1:7420, found '${given}'`,
    )
  }
  return given
}
