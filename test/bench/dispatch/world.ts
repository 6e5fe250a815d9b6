import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { missing, podmanOptions, podmanRun } from '../../support/container.ts'
import { startSlurm, whyNoSlurm } from '../../support/slurm.ts'
import type { Lab, World } from '../lab.ts'
import { benchImage } from './image.ts'
import { versions } from './versions.ts'

/** What the daemon's pools are on: podman with a small Debian, and a Slurm of the benchmark's own. What lacks is said. */
export const world: World = async (folder, atEnd) => {
  console.log(await versions())
  const [noContainers, noSlurm] = [missing(), whyNoSlurm()]
  for (const [name, why] of Object.entries({ containers: noContainers, Slurm: noSlurm }))
    if (why) console.log(`no ${name}: ${why}`)
  const slurm = noSlurm ? null : await slurmPool(folder, atEnd)
  const pools = {
    ...(noContainers ? {} : { container: await containerPool() }),
    ...(slurm ? { slurm: slurm.pool } : {}),
  }
  const file = join(folder, 'pools.yaml')
  await writeFile(file, stringify({ pools }))
  return { ORCHESTRATE_POOLS: file, ...slurm?.env }
}

const containerPool = async () => ({
  engine: 'container',
  runtime: 'podman',
  image: await benchImage(),
  options: podmanOptions,
  run: podmanRun,
})

async function slurmPool(folder: string, atEnd: Lab['atEnd']) {
  const slurm = await startSlurm()
  atEnd(slurm.stop)
  const directory = join(folder, 'shared')
  await mkdir(directory)
  return { env: slurm.env, pool: { engine: 'slurm', directory, conf: slurm.conf } }
}
