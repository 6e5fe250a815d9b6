import { expect, test } from 'vitest'
import { containerCommand, mountsOf } from '../../../../orchestrator/engines/slurm/container-command.ts'

const mounts = ['/shared:/shared', '/data/demos:/data/demos:ro']

test('pyxis is asked by options of srun', () => {
  const container = {
    kind: 'pyxis',
    image: '/images/w.sqsh',
    mounts: ['/scratch:/scratch'],
    extra: ['--no-x'],
  } as const
  expect(
    containerCommand({ ...container, mounts: [...container.mounts], extra: [...container.extra] }, mounts, 8),
  ).toEqual({
    srun: [
      '--container-image=/images/w.sqsh',
      '--container-mounts=/shared:/shared,/data/demos:/data/demos:ro,/scratch:/scratch',
      '--no-container-mount-home',
      '--no-container-remap-root',
      '--no-x',
    ],
    prefix: [],
  })
})

test.each([
  [8, ['--nv']],
  [0, []],
])('Apptainer stands in front of the launcher, and is told of GPUs if there are any: %i', (gpus, nv) => {
  const container = { kind: 'apptainer' as const, image: 'w.sif', mounts: [], extra: ['--ipc'] }
  expect(containerCommand(container, mounts, gpus)).toEqual({
    srun: [],
    prefix: [
      'apptainer',
      'exec',
      ...nv,
      '--no-home',
      '--bind=/shared:/shared',
      '--bind=/data/demos:/data/demos:ro',
      '--ipc',
      'w.sif',
    ],
  })
})

test('without a container nothing is added', () => {
  expect(containerCommand(null, mounts, 8)).toEqual({ srun: [], prefix: [] })
})

const data = (path: string) => ({ path, format: null, digest: 'd' })

test('what job.json names is mounted, once, and only the pool and the store to be written to', () => {
  const inputs = {
    labels: data('/shared/o/cache/d1'),
    demos: data('/data/demos'),
    same: data('/data/demos'),
    none: null,
    streamed: { store: { url: 's3://b/p' }, artifact: null, format: null, digest: 'd' },
  }
  expect(mountsOf('/shared/o', { inputs, store: { url: 'file:///store%201' } })).toEqual([
    '/shared/o:/shared/o',
    '/store 1:/store 1',
    '/data/demos:/data/demos:ro',
  ])
  expect(mountsOf('/shared/o', { inputs: {}, store: { url: 's3://b/p' } })).toEqual(['/shared/o:/shared/o'])
  expect(mountsOf('/shared/o', { inputs: {}, store: { url: 'file:///shared/o/store' } })).toEqual([
    '/shared/o:/shared/o',
  ])
})
