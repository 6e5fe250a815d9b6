import { startSlurm, whyNoSlurm } from '../../support/slurm.ts'
import type { World } from '../lab.ts'

/** What the daemon's pools are on: a Slurm of the benchmark's own. */
export const world: World = async (_folder, atEnd) => {
  const why = whyNoSlurm()
  if (why) {
    console.log(`no Slurm: ${why}`)
    return {}
  }
  const slurm = await startSlurm()
  atEnd(slurm.stop)
  return slurm.env
}
