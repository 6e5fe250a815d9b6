import { plural } from '../../report/figures.ts'
import { buildId } from '../../server/build-id.ts'
import { invariants } from '../../server/invariants.ts'
import type { Settings } from '../../server/settings.ts'
import type { Client } from '../client/client.ts'
import { findDaemon } from '../client/ensure-daemon.ts'
import { absent, broken, type Check, ok } from './check.ts'

const RECOVER = 'orchestrate recover'

/** The daemon, if one runs: what it has trouble with, and whether what should always be so is so. */
export async function daemonChecks({ stateDir }: Settings): Promise<Check[]> {
  const found = await findDaemon(stateDir)
  if (found === null) return [absent('daemon', 'none runs; the next command starts one')]
  const { pid, version, build, runs, troubles } = found.health
  const other = build === buildId() ? '' : ', of another build: the next command replaces it'
  return [
    ok('daemon', `${version}, pid ${pid}, ${plural(runs, 'run')}${other}`),
    ...troubles.map(({ what, code, since }) =>
      broken('trouble', `${what} (${code}), since ${new Date(since).toLocaleString()}`, RECOVER),
    ),
    ...(await invariantChecks(found.client)),
  ]
}

async function invariantChecks(client: Client): Promise<Check[]> {
  const answer = await client.invariants().catch((error: Error) => error)
  if (answer instanceof Error) return [broken('invariants', `not checked: ${answer.message}`, RECOVER)]
  return Object.entries(invariants).flatMap(([name, sentence]) => {
    const wrong = answer.violations.filter(({ invariant }) => invariant === name)
    if (wrong.length === 0) return [ok(name, sentence)]
    return wrong.map(({ subject, detail }) => broken(name, `${subject}: ${detail}`, RECOVER))
  })
}
