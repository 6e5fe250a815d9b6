import { join } from 'node:path'
import { pythonWith } from './competitors.ts'
import { drive, driven } from './driven.ts'
import type { Prepare } from './way.ts'

/** A Ray of its own on this machine, on loopback; one for both ways of using it. */
export const ray: Prepare = async (place) => {
  const python = await pythonWith('ray')
  const program = join(import.meta.dirname, 'ray_tasks.py')
  // Nothing of it is told to anybody, and nobody but us can reach it.
  const env = { RAY_USAGE_STATS_ENABLED: '0', RAY_AUTH_MODE: 'disabled' }
  const ask = await drive(place.lab, [python, program, String(place.atOnce), join(place.lab.folder, 'ray')], env)
  return [
    driven('Ray', place, (tasks) => ask(tasks, 'process')),
    driven('Ray, no process', place, (tasks) => ask(tasks, 'function')),
  ]
}
