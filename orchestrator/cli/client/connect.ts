import { resolve } from 'node:path'
import { OrchestrateError } from '../../errors.ts'
import { redactAddress } from '../../ledger/redis-address.ts'
import type { Health } from '../../server/api.ts'
import { buildId } from '../../server/build-id.ts'
import { checkout, readSettings, type Settings } from '../../server/settings.ts'
import type { Connection } from '../options.ts'
import { type Client, createClient } from './client.ts'
import { ensureDaemon, type Found, findDaemon } from './ensure-daemon.ts'
import type { Target } from './http.ts'

/** The daemon that the user means: the one at an address, or this machine's, started when there is none. */
export function connect(options: Connection): Promise<Client> {
  return connectTo(options, ({ build }) => build === buildId())
}

/**
 * The same daemon again after its connection was lost. Its build doesn't matter then: two clients of different builds would
 * otherwise take turns in replacing it.
 */
export function reconnect(options: Connection): Promise<Client> {
  return connectTo(options, () => true)
}

async function connectTo(options: Connection, isAcceptable: (health: Health) => boolean): Promise<Client> {
  const url = serverUrl(options)
  if (url !== null) return createClient(at(url))
  const state = stateDirectory(options)
  const { client, health } = await ensureDaemon(state, isAcceptable)
  for (const warning of differences(health, readSettings(process.env, { state }))) process.stderr.write(`${warning}\n`)
  return client
}

/** A daemon keeps the settings that it was started with: who has others now would be surprised where things go. */
function differences(health: Health, { store, redisUrl }: Settings): string[] {
  const { ORCHESTRATE_STORE } = process.env
  const same = (a: string, b: string) => a.replace(/\/+$/, '') === b.replace(/\/+$/, '')
  const differing = [
    ...(ORCHESTRATE_STORE && !same(store.url, health.store) ? [`store ${health.store}, not ORCHESTRATE_STORE`] : []),
    ...(redisUrl !== null && !same(redactAddress(redisUrl), health.redis)
      ? [`Redis ${health.redis}, not REDIS_URL`]
      : []),
  ]
  return differing.map(
    (what) => `the daemon was started with ${what}; \`orchestrate stop\` makes the next one look again`,
  )
}

/** The daemon that is there, or null: for what makes no sense without one. */
export async function connectIfRunning(options: Connection): Promise<Found | null> {
  const url = serverUrl(options)
  if (url === null) return findDaemon(stateDirectory(options))
  const client = createClient(at(url))
  return { client, health: await client.health() }
}

/** The token comes by the environment only: a command line is seen by every user of the machine. */
function at(url: string): Target {
  const token = process.env.ORCHESTRATE_TOKEN
  return { kind: 'url', url, ...(token ? { token } : {}) }
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
