import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Launch } from '../../../../orchestrator/engines/engine.ts'
import type { ControlPlane } from './place.ts'

/**
 * A control plane in a process of its own, which launches one attempt and then stays until it is killed.
 * `module` exports `makeEngine(options)`; it is loaded there, not here.
 */
export async function startControlPlane(module: string, options: object, launch: Launch): Promise<ControlPlane> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'control-plane.ts'), module], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  child.stdin.end(JSON.stringify({ options, launch })) // not as arguments, where it would pass for the attempt's process
  const said = await Promise.race([once(child.stdout, 'data').then(String), exited.then((end) => `ended: ${end}`)])
  if (said !== 'launched\n') throw new Error(`the control plane said ${said}`)
  return {
    kill: async () => {
      child.kill('SIGKILL')
      await exited
    },
  }
}
