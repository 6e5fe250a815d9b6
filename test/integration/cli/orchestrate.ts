import { join } from 'node:path'
import { execa } from 'execa'
import { onTestFinished } from 'vitest'
import { bare, makeState, root } from '../../support/daemon.ts'

export const executable = join(root, 'orchestrator/cli/orchestrate')

/** The command line in a state directory of its own; the daemon that it starts ends with the test. */
export async function freshOrchestrate(env: Record<string, string> = {}) {
  const state = await makeState()
  const orchestrate = (...args: string[]) =>
    execa(executable, args, { env: { ...bare(), ...env, ORCHESTRATE_STATE: state }, extendEnv: false, reject: false })
  onTestFinished(async () => {
    await orchestrate('stop')
  })
  return { state, orchestrate }
}
