import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { startSlurm, whyNoSlurm } from '../../support/slurm.ts'
import type { World } from '../lab.ts'

/** What the daemon's pools are on: a Slurm of the benchmark's own. */
export const world: World = async (folder, atEnd) => {
  const why = whyNoSlurm()
  if (why) {
    console.log(`no Slurm: ${why}`)
    return {}
  }
  const slurm = await startSlurm()
  atEnd(slurm.stop)
  const directory = join(folder, 'shared')
  await mkdir(directory)
  const file = join(folder, 'pools.yaml')
  await writeFile(file, stringify({ pools: { slurm: { engine: 'slurm', directory, conf: slurm.conf } } }))
  return { ...slurm.env, ORCHESTRATE_POOLS: file }
}
