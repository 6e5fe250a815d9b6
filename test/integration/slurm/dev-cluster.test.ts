import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Slurm, slurmTests, startSlurm } from '../../support/slurm.ts'

const { skip, title } = slurmTests('the development cluster')

describe.skipIf(skip)(title, () => {
  const clusters: Slurm[] = []
  beforeAll(async () => {
    clusters.push(...(await Promise.all([startSlurm({ nodes: 2, gpus: 4 }), startSlurm({ nodes: 1, jobcomp: 'yes' })])))
  })
  afterAll(async () => {
    await Promise.all(clusters.map(async ({ stop }) => stop()))
  })
  const [first, second] = [() => at(0), () => at(1)]
  const at = (index: number): Slurm => clusters[index] as Slurm

  test('two run side by side, each with nodes and GPUs of its own', async () => {
    const nodes = ({ run }: Slurm) => run('sinfo', '-h', '-N', '-o', '%N %G')
    expect(await nodes(first())).toBe('node1 gpu:4\nnode2 gpu:4')
    expect(await nodes(second())).toBe('node1 gpu:8')
  })

  test('each task is told its GPUs', async () => {
    const said = await first().run('srun', '-N2', '--gpus-per-node=3', 'sh', '-c', 'echo $CUDA_VISIBLE_DEVICES')
    expect(said).toBe('0,1,2\n0,1,2')
  })

  test('a node that is lost takes its tasks with it, and comes back', async () => {
    const { run, lose, again, conf } = first()
    await run('sbatch', '-w', 'node2', '-o', '/dev/null', '--wrap', 'sleep 987')
    await expect.poll(() => told(conf, 'node2')).toContain('sleep')
    expect(await lose('node2')).toBeUndefined()
    expect(told(conf, 'node2')).toEqual([])
    await again()
    expect(await run('sinfo', '-h', '-N', '-o', '%N')).toBe('node1\nnode2')
  })

  test('jobs that have ended are written down where that is asked for', async () => {
    await second().run('srun', '-J', 'remembered', 'true')
    const told = () => readFileSync(`${second().folder}/log/jobcomp.txt`, 'utf8')
    await expect.poll(told).toContain('Name=remembered')
  })

  test('nothing is left running or on disk', async () => {
    const { run, stop, conf, folder } = await startSlurm({ nodes: 1 })
    await run('sbatch', '-o', '/dev/null', '--wrap', 'srun sleep 987')
    await expect.poll(() => told(conf, 'node1')).toContain('sleep')
    await stop()
    expect(told(conf, 'node1')).toEqual([])
    expect(processes().filter(({ command }) => command.includes(folder))).toEqual([])
    expect(existsSync(folder)).toBe(false)
  })
})

/** Names of the programs that jobs of a cluster run on a node. */
const told = (conf: string, node: string): string[] =>
  processes()
    .filter(
      ({ environ }) => environ.includes(`\0SLURM_CONF=${conf}\0`) && environ.includes(`\0SLURMD_NODENAME=${node}\0`),
    )
    .map(({ command }) => basename(command.split('\0')[0] ?? ''))

const processes = (): { command: string; environ: string }[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => ({ command: read(`/proc/${pid}/cmdline`), environ: `\0${read(`/proc/${pid}/environ`)}` }))

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // gone meanwhile
  }
}
