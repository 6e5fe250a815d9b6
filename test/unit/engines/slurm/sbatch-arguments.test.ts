import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import type { Needs } from '../../../../orchestrator/engines/slurm/sbatch-arguments.ts'
import { batchScript, quote, sbatchArguments } from '../../../../orchestrator/engines/slurm/sbatch-arguments.ts'
import type { SlurmPool } from '../../../../orchestrator/engines/slurm/slurm-pool.ts'
import { slurmPool, someNeeds } from './pool.ts'

const one = { name: 'a-0123456789-1', comment: 'store-1', output: '/shared/out', tasks: null }

test('a small job asks for what it needs, and for nothing else', () => {
  expect(sbatchArguments(slurmPool(), someNeeds(), one)).toEqual([
    '--parsable',
    '--job-name=a-0123456789-1',
    '--comment=store-1',
    '--no-requeue',
    '--export=ALL',
    '--open-mode=append',
    '--output=/shared/out',
    '--nodes=1',
    '--ntasks-per-node=1',
    '--cpus-per-task=1',
    '--signal=B:USR1@120',
  ])
})

const cases: [string, Partial<SlurmPool>, Partial<Needs>, string[]][] = [
  ['a gang', {}, { nodes: 4, gpus: 8, cores: 64 }, ['--nodes=4', '--cpus-per-task=64', '--gpus-per-node=8']],
  ['GPUs of a type', { gpus: '--gres=gpu:h100:{n}' }, { gpus: 2 }, ['--gres=gpu:h100:2']],
  ['memory, in MiB and never less', {}, { memory: 2 ** 30 + 1 }, ['--mem=1025M']],
  ['time, in minutes and never less', {}, { time: 61 }, ['--time=2']],
  ['a second is a minute', {}, { time: 1 }, ['--time=1']],
  ['time that only the pool names', { time: 3600 }, {}, ['--time=60']],
  ['time that both name', { time: 3600 }, { time: 600 }, ['--time=10']],
  ['a longer warning', { warn: 300.5 }, {}, ['--signal=B:USR1@301']],
  ['nodes to avoid', {}, { avoid: ['node3', 'node1'] }, ['--exclude=node1,node3']],
  [
    'all that a pool can say',
    { partition: 'gpu', account: 'lab', qos: 'high', reservation: 'maint', constraint: 'h100&ib', exclusive: true },
    {},
    ['--partition=gpu', '--account=lab', '--qos=high', '--reservation=maint', '--constraint=h100&ib', '--exclusive'],
  ],
]

test.each(cases)('%s', (_name, pool, needs, expected) => {
  const [plain, found] = [
    sbatchArguments(slurmPool(), someNeeds(), one),
    sbatchArguments(slurmPool(pool), someNeeds(needs), one),
  ]
  expect(found.filter((argument) => !plain.includes(argument))).toEqual(
    expected.filter((argument) => !plain.includes(argument)),
  )
})

test('what a pool adds comes last, where it wins', () => {
  const extra = ['--mem=0', '--nice=100']
  expect(sbatchArguments(slurmPool({ extra }), someNeeds({ memory: 2 ** 30 }), one).slice(-2)).toEqual(extra)
})

test('an array has a task for each attempt, counted from 0', () => {
  expect(sbatchArguments(slurmPool(), someNeeds(), { ...one, tasks: 20 })).toContain('--array=0-19')
})

const print = { python: 'echo', launcher: '/shared/it’s a launcher.py' }

test('the script starts the launcher of its attempt, whatever the paths are called', () => {
  const script = batchScript({ ...print, attempt: { directory: "/shared/o'brien/$HOME/a-1" } })
  expect(execFileSync('sh', { input: script, encoding: 'utf8' })).toBe(
    "-I -S /shared/it’s a launcher.py batch /shared/o'brien/$HOME/a-1\n",
  )
})

test('the script of an array finds its attempt by the number of its task', () => {
  const list = '/dev/fd/3'
  const script = batchScript({ ...print, attempt: { list } })
  const out = execFileSync('sh', ['-c', `printf '/a/0\\n/a/1\\n/a/2\\n' | { exec 3<&0; sh -c "$SCRIPT"; }`], {
    env: { ...process.env, SCRIPT: script, SLURM_ARRAY_TASK_ID: '1' },
    encoding: 'utf8',
  })
  expect(out).toBe('-I -S /shared/it’s a launcher.py batch /a/1\n')
})

test.each(['plain', '', 'a b', "it's", '$(date)', 'a\nb', '--x=1,2'])('%j survives a shell', (word) => {
  expect(execFileSync('sh', ['-c', `printf %s ${quote(word)}`], { encoding: 'utf8' })).toBe(word)
})
