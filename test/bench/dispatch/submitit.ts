import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pythonWith } from './competitors.ts'
import { drive, driven } from './driven.ts'
import type { Prepare } from './way.ts'

/** submitit with its defaults, but for what each job asks for, on the Slurm that the daemon's pool is on too. */
export const submitit: Prepare = async (place) => {
  const { lab } = place
  const { SLURM_CONF } = lab.settings
  if (!SLURM_CONF) throw new Error('there is no Slurm')
  const python = await pythonWith('submitit')
  const folder = join(lab.folder, 'submitit')
  await mkdir(folder)
  const program = join(import.meta.dirname, 'submitit_tasks.py')
  const asked = { nodes: 1, ntasks_per_node: 1, cpus_per_task: 1 }
  return [driven('submitit', place, await drive(lab, [python, program, folder, JSON.stringify(asked)], { SLURM_CONF }))]
}
