import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Slurm, slurmTests, startSlurm } from '../../support/slurm.ts'

const script = resolve(import.meta.dirname, '../../../infra/slurm/run.sbatch')

const { skip, title } = slurmTests('a run as one sbatch line')
describe.skipIf(skip)(title, () => {
  let slurm: Slurm
  beforeAll(async () => {
    slurm = await startSlurm({ nodes: 1 })
  })
  afterAll(() => slurm.stop())

  test('Slurm takes it, with the arguments of `orchestrate run`', async () => {
    await slurm.run('sbatch', '--test-only', script, 'jobs/quickstart.yaml')
    expect(await slurm.run('squeue', '--noheader')).toBe('')
  })

  test('it calls `orchestrate run` with a state directory on the shared file system', async () => {
    const log = `${slurm.folder}/log/%j.out`
    const options = ['--parsable', '--wait', `--output=${log}`, '--export=ALL,ORCHESTRATE=echo,HOME=/home/alice']
    const id = await slurm.run('sbatch', ...options, script, 'jobs/mine.yaml', '--only', 'full')
    expect(readFileSync(log.replace('%j', id), 'utf8')).toBe('run jobs/mine.yaml --only full\n')
  })
})
