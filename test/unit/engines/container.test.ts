import { expect, test } from 'vitest'
import { identityFor } from '../../../orchestrator/engines/container/identity.ts'
import { Layers } from '../../../orchestrator/engines/container/images.ts'
import { unrestricted } from '../../../orchestrator/engines/container/network.ts'
import { type Containing, runArguments } from '../../../orchestrator/engines/container/run-arguments.ts'
import type { Runtime } from '../../../orchestrator/engines/container/runtime.ts'
import { containerSettings } from '../../../orchestrator/engines/container/settings.ts'
import type { JobFile } from '../../../orchestrator/protocol/job-file.ts'

const image = `registry/worker@sha256:${'a'.repeat(64)}`
const settings = containerSettings({ name: 'boxes', engine: 'container', image })
const runtime: Runtime = {
  ...{ program: 'podman', options: ['--runtime=runc'], version: '4.3.1', rootless: false },
  limits: { memory: true, pids: true, cpu: true },
}
const job: JobFile = {
  ...{ protocol: 1, attempt: 'a-1', job: 'k', stage: 's', shard: 0, shards: 1, fence: 1, command: ['python3'] },
  ...{ code: '/state/code/c', entry: 'e', config: {}, inputs: {}, outputs: [], ranks: 2, cores: 4, gpus: [] },
  ...{ store: { url: 'file:///store' }, prefix: 'jobs/k/s0/1', resume: [], checkpoint: { every: null }, grace: 60 },
  ...{ time: null, memory: null, logBytes: 4096, secrets: null },
}

function argumentsFor(patch: Partial<Containing> = {}, more: Partial<JobFile> = {}): string[] {
  const containing = { settings, runtime, identity: identityFor(runtime, 1000, 1000), directory: '/state/attempts/a-1' }
  return runArguments({
    ...{ ...containing, job: { ...job, ...more }, name: 'orchestrate-1-a-1', labels: { 'orchestrate.pool': 'boxes' } },
    env: ['AWS_SECRET_ACCESS_KEY'],
    ...patch,
  })
}

const s3 = { store: { url: 's3://bucket/prefix' } }
const volumes = (args: string[]) =>
  args.flatMap((arg) => (arg.startsWith('--volume=') ? [arg.slice('--volume='.length)] : []))

test('a container is fenced in on all sides, and its first process is the launcher', () => {
  const args = argumentsFor()
  expect(args.slice(0, 4)).toEqual(['run', '--detach', '--pull=never', '--name=orchestrate-1-a-1'])
  expect(args).toEqual(
    expect.arrayContaining([
      ...['--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges', '--user=1000:1000'],
      ...['--pids-limit=4096', '--shm-size=8589934592', '--cpus=4', '--network=none', '--stop-timeout=65'],
      ...['--label=orchestrate.pool=boxes', '--env=AWS_SECRET_ACCESS_KEY', '--env=HOME=/tmp'],
    ]),
  )
  expect(args.slice(-6)).toEqual([
    ...['--entrypoint=python3', image, '-I', '-S', '/run/orchestrate/launcher/__main__.py', '/state/attempts/a-1'],
  ])
})

test('it sees its directory, its code and its inputs; of a store in a folder it can write its own prefix alone', () => {
  const inputs = {
    demos: { path: '/data/demos', format: null, digest: 'd' },
    streamed: { store: { url: 'file:///data/large' }, artifact: null, format: null, digest: 'd' },
    none: null,
  }
  const cache = { path: '/state/streams', bytes: 1 }
  expect(volumes(argumentsFor({}, { inputs, cache })).slice(1)).toEqual([
    '/state/attempts/a-1/scratch/tmp:/tmp:rw',
    '/state/code/c:/state/code/c:ro',
    '/data/demos:/data/demos:ro',
    '/data/large:/data/large:ro',
    '/store:/store:ro',
    '/state/attempts/a-1:/state/attempts/a-1:rw',
    '/store/jobs/k/s0/1:/store/jobs/k/s0/1:rw',
    '/state/streams:/state/streams:rw',
  ])
  const mounts = ['/data:/data:ro']
  expect(volumes(argumentsFor({ settings: { ...settings, mounts } }, s3)).at(-1)).toBe('/data:/data:ro')
})

test.each([
  ['store', {}, '--network=none'],
  ['none', {}, '--network=none'],
  ['host', {}, '--network=host'],
  ['store', s3, null],
  ['none', s3, '--network=none'],
  ['host', s3, '--network=host'],
] as const)('network %s with %j is %j', (network, more, option) => {
  const found = argumentsFor({ settings: { ...settings, network } }, more).find((arg) => arg.startsWith('--network'))
  expect(found ?? null).toBe(option)
})

test('what a stage asks of the network goes before what its pool says', () => {
  const asked = argumentsFor({}, { network: 'host' })
  expect(asked).toContain('--network=host')
  expect(asked).not.toContain('--network=none')
  expect(argumentsFor({ settings: { ...settings, network: 'host' } }, { network: 'none' })).toContain('--network=none')
})

test('what the kernel may not limit here is not asked for, and said', () => {
  const weak = { ...runtime, limits: { memory: false, pids: false, cpu: false } }
  const args = argumentsFor({ runtime: weak }, { memory: 1 << 30 })
  expect(args.filter((arg) => /^--(memory|cpus|pids)/.test(arg))).toEqual([])
  expect(unrestricted(settings, weak, s3)).toEqual([
    'attempts can reach more than the store: podman has no way to open a network to one address only',
    "podman can't limit memory here: the launcher looks twice a second instead",
    "podman can't limit the number of processes here",
    "podman can't limit cores here: attempts are told theirs, and may use more",
  ])
  expect(unrestricted(settings, runtime, job)).toEqual([])
})

test('memory is limited a little above what the launcher itself allows, and swap does not stretch it', () => {
  const args = argumentsFor({}, { memory: 1 << 30 })
  expect(args).toEqual(expect.arrayContaining(['--memory=1140850688b', '--memory-swap=1140850688b']))
})

test('GPUs are given by UUID: by CDI to podman, by --gpus to docker, and the locks of both are the host’s', () => {
  const gpus = ['GPU-1', 'GPU-2']
  const cdi = argumentsFor({}, { gpus })
  expect(cdi).toEqual(expect.arrayContaining(['--device=nvidia.com/gpu=GPU-1', '--device=nvidia.com/gpu=GPU-2']))
  expect(volumes(cdi)).toContain('/tmp/orchestrate-gpu-GPU-2.lock:/tmp/orchestrate-gpu-GPU-2.lock:ro')
  const docker = argumentsFor({ runtime: { ...runtime, program: 'docker' } }, { gpus })
  expect(docker).toContain('--gpus="device=GPU-1,GPU-2"')
})

test.each([
  ['podman', false, 0, { uid: 10001, other: true }],
  ['docker', false, 0, { uid: 10001, other: true }],
  ['docker', false, 1000, { uid: 1000, other: false, options: ['--user=1000:1000'] }],
  ['podman', true, 1000, { uid: 1000, other: false, options: ['--userns=keep-id', '--user=1000:1000'] }],
  ['docker', true, 1000, { uid: 0, other: false }],
] as const)('%s, rootless %s, run by user %i', (program, rootless, uid, found) => {
  expect(identityFor({ program, rootless }, uid, uid)).toMatchObject(found)
})

test('how far a pull is, is read from what podman and docker say', () => {
  const podman = new Layers()
  expect(podman.told()).toBe('')
  for (const letter of ['a', 'b', 'a']) podman.take(`Copying blob sha256:${letter.repeat(64)}`)
  podman.take(`Copying config sha256:${'c'.repeat(64)}`)
  expect(podman.told()).toBe(': 2 layers begun')
  const docker = new Layers()
  for (const line of ['Pulling fs layer', 'Download complete', 'Pull complete']) docker.take(`0123456789ab: ${line}`)
  docker.take('ba9876543210: Pulling fs layer')
  expect(docker.told()).toBe(': 1 of 2 layers')
})
