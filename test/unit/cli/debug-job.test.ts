import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { debugJob, rankEnvironment } from '../../../orchestrator/cli/debug/debug-job.ts'
import { runRanks } from '../../../orchestrator/cli/debug/run-ranks.ts'
import type { JobFile } from '../../../orchestrator/protocol/job-file.ts'

const job: JobFile = {
  protocol: 1,
  attempt: 'a-0123456789-2',
  job: '0'.repeat(64),
  stage: 'train',
  shard: 0,
  shards: 1,
  fence: 2,
  command: ['sh', '-c', 'exit 0'],
  code: tmpdir(),
  entry: 'train',
  config: { steps: 1 },
  inputs: {},
  outputs: ['model'],
  ranks: 2,
  cores: 4,
  gpus: ['GPU-a', 'GPU-b'],
  store: { url: 'file:///store' },
  prefix: 'jobs/0/s0/2',
  resume: ['jobs/0/s0/1/checkpoints/100/manifest.json'],
  checkpoint: { every: 100 },
  grace: 30,
  time: 60,
  memory: null,
  logBytes: 4096,
  secrets: '/gone/secrets.json',
}

test('a job that is debugged is the same but for its name, where it writes, its secrets and its limit of time', () => {
  const { attempt, prefix, secrets, time, ...same } = debugJob(job, { name: 'a-0123456789-2-debug-1', secrets: null })
  expect({ attempt, prefix, secrets, time }).toEqual({
    attempt: 'a-0123456789-2-debug-1',
    prefix: 'debug/a-0123456789-2-debug-1',
    secrets: null,
    time: null,
  })
  expect(job).toMatchObject(same)
})

test('a rank is told who it is, and has one GPU or none', () => {
  expect(rankEnvironment(job, 1, '/d', 4000)).toMatchObject({
    RANK: '1',
    WORLD_SIZE: '2',
    MASTER_PORT: '4000',
    CUDA_VISIBLE_DEVICES: 'GPU-b',
    OMP_NUM_THREADS: '2',
    ORCHESTRATE_ATTEMPT_DIR: '/d',
  })
  expect(rankEnvironment({ ...job, gpus: [] }, 0, '/d', 1).CUDA_VISIBLE_DEVICES).toBe('')
})

test('when one rank ends badly the others are ended, and each says how', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'orc-debug-'))
  const command = ['sh', '-c', 'echo "rank $RANK of $WORLD_SIZE"; if [ "$RANK" = 0 ]; then exec sleep 600; fi; exit 3']
  const ends = await runRanks({ ...job, command, ranks: 3 }, directory, 2)
  expect(ends).toEqual([
    { rank: 0, code: null, signal: 'SIGTERM' },
    {
      rank: 1,
      code: expect.toSatisfy((code) => code === 3 || code === null),
      signal: expect.toSatisfy((signal) => signal === null || signal === 'SIGTERM'),
    },
    {
      rank: 2,
      code: expect.toSatisfy((code) => code === 3 || code === null),
      signal: expect.toSatisfy((signal) => signal === null || signal === 'SIGTERM'),
    },
  ])
  expect(readFileSync(join(directory, 'stdout.0.log'), 'utf8')).toMatch(/^(rank 0 of 3\n)?$/)
})

test('a command that can not be started is an error, and nothing is left running', async () => {
  await expect(
    runRanks({ ...job, command: ['/nowhere/python'] }, mkdtempSync(join(tmpdir(), 'orc-debug-')), 0),
  ).rejects.toThrow('ENOENT')
})
