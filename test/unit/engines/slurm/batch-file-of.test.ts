import { expect, test } from 'vitest'
import { batchFileOf } from '../../../../orchestrator/engines/slurm/batch-file-of.ts'
import { BatchFile } from '../../../../orchestrator/protocol/batch-file.ts'
import type { JobFile } from '../../../../orchestrator/protocol/job-file.ts'
import { slurmPool } from './pool.ts'

const job = { inputs: {}, store: { url: 's3://bucket' } } as unknown as JobFile
const given = { job, gpus: 8, launcher: '/shared/o/launcher/1/launcher/__main__.py', folder: '/shared/o' }

test('the batch step is told how a launcher is started on each node', () => {
  const file = batchFileOf(slurmPool({ python: '/opt/python' }), given)
  expect(file).toMatchObject({ launcher: ['/opt/python', '-I', '-S', given.launcher], gpus: 8, srun: [], prefix: [] })
})

test.each([
  ['off', { kind: 'off' }],
  ['nodes', { kind: 'nodes', disk: 2 ** 30 }],
  [{ ranks: ['python', '-m', 'check'] }, { kind: 'ranks', command: ['/opt/python', '-m', 'check'] }],
  [{ ranks: ['nccl-check'] }, { kind: 'ranks', command: ['nccl-check'] }],
] as const)('a check before the gang: %j', (preflight, expected) => {
  const pool = slurmPool({
    python: '/opt/python',
    preflight: typeof preflight === 'string' ? preflight : { ranks: [...preflight.ranks] },
  })
  const file = batchFileOf(pool, given)
  expect(file.preflight).toMatchObject(expected)
  expect(BatchFile.parse(file)).toEqual(file)
})

test('in a container, the launcher is started in it', () => {
  const container = { kind: 'apptainer' as const, image: 'w.sif', mounts: [], extra: [] }
  expect(batchFileOf(slurmPool({ container }), given).prefix).toContain('--bind=/shared/o:/shared/o')
})
