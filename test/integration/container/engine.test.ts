import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { containersOf, missing, podmanOptions } from '../../support/container.ts'
import { leftOut } from '../../support/left-out.ts'
import { endOf, ends, eventually, look, never } from '../engines/contract/lab.ts'
import { lineJob, makeEngine } from './lab.ts'

const { skip, title } = leftOut('a container', missing())

describe(title, { skip }, () => {
  test('an attempt has no rights, no network, and sees only what is its own', async () => {
    const { engine, stateDir, read } = makeEngine()
    const store = join(stateDir, 'store')
    mkdirSync(join(store, 'jobs/other'), { recursive: true })
    writeFileSync(join(store, 'jobs/other/object'), 'of another job')
    writeFileSync(join(stateDir, 'private'), 'not for attempts')
    const look = `
import json, os, socket
def tries(do):
    try: do(); return 'yes'
    except OSError as error: return error.strerror
status = dict(line.split(':\\t') for line in open('/proc/self/status').read().splitlines() if ':\\t' in line)
store = ${JSON.stringify(store)}
print(json.dumps({
    'uid': os.getuid(), 'caps': status['CapBnd'], 'no_new_privileges': status['NoNewPrivs'],
    'root': tries(lambda: open('/etc/mark', 'w')), 'code': tries(lambda: open('mark', 'w')),
    'tmp': tries(lambda: open('/tmp/mark', 'w')), 'interfaces': os.listdir('/sys/class/net'),
    'private': os.path.exists(${JSON.stringify(join(stateDir, 'private'))}),
    'reads': open(store + '/jobs/other/object').read(),
    'others': tries(lambda: open(store + '/jobs/other/mine', 'w')),
    'own': tries(lambda: open(store + '/jobs/k/s0/1/mine', 'w').write('saved')),
    'shm': os.statvfs('/dev/shm').f_blocks * os.statvfs('/dev/shm').f_frsize,
    'pids': [open(path).read().strip() for path in ('/sys/fs/cgroup/pids/pids.max', '/sys/fs/cgroup/pids.max') if os.path.exists(path)],
    'meets': socket.create_server(('127.0.0.1', 0)).getsockname()[0],
}))`
    const launch = lineJob(look, { store: { url: pathToFileURL(store).href } })
    const { attempt } = launch.job
    await engine.launch(launch)
    expect(ends(await endOf(engine, attempt))).toEqual([0])
    const seen = JSON.parse(read(attempt, 'stdout.0.log'))
    expect(seen).toEqual({
      ...{ uid: expect.any(Number), caps: '0000000000000000', no_new_privileges: '1' },
      ...{ root: 'Read-only file system', code: 'Read-only file system', tmp: 'yes', interfaces: ['lo'] },
      ...{ private: false, reads: 'of another job', others: 'Read-only file system', own: 'yes' },
      ...{ shm: 64 << 20, pids: ['512'], meets: '127.0.0.1' },
    })
    expect(seen.uid).toBeGreaterThan(0)
    expect(readFileSync(join(store, 'jobs/k/s0/1/mine'), 'utf8')).toBe('saved')
    expect(existsSync(join(engine.directory(attempt), 'events.engine.jsonl'))).toBe(false)
    // Nothing is left: no container, no file that was temporary.
    expect(containersOf(attempt)).toEqual([])
    expect(existsSync(join(engine.directory(attempt), 'scratch/tmp'))).toBe(false)
  })

  test('values of variables are in no command line, and secrets in a file that only its user can read', async () => {
    const { engine, read } = makeEngine()
    const line = `import os, time; print(os.environ['KEY'], flush=True); time.sleep(600)`
    const launch = { ...lineJob(line), env: { KEY: 'planted-env-5d1c' }, secrets: { TOKEN: 'planted-secret-5d1c' } }
    const { attempt } = launch.job
    await engine.launch(launch)
    await eventually(() => expect(read(attempt, 'stdout.0.log')).toBe('planted-env-5d1c\n'))
    expect(statSync(join(engine.directory(attempt), 'secrets.json')).mode & 0o777).toBe(0o600)
    expect(
      execFileSync('sh', ['-c', 'cat /proc/[0-9]*/cmdline 2>/dev/null || true'], { encoding: 'latin1' }),
    ).not.toContain('planted-' + 'env')
    await engine.signal(attempt, 'SIGKILL')
    await endOf(engine, attempt)
  })

  test('a launcher that was killed leaves no record, and its container nothing', async () => {
    const { engine } = makeEngine()
    const launch = lineJob('import time; time.sleep(600)')
    const { attempt } = launch.job
    await engine.launch(launch)
    const [name = ''] = containersOf(attempt)
    execFileSync('podman', [...podmanOptions, 'kill', '--signal=KILL', name])
    await engine.ended(attempt, never())
    expect(await look(engine, attempt)).toEqual({ state: 'exited', exit: null, end: null })
    expect(containersOf(attempt)).toEqual([])
    expect(JSON.parse(readFileSync(join(engine.directory(attempt), 'container.json'), 'utf8')).exitCode).toBe(137)
  })

  test('an attempt whose monitor was killed is seen to run and to end, with its record', async () => {
    const { engine, read } = makeEngine()
    const line = `import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(75)); print('ready', flush=True); signal.pause()`
    const launch = lineJob(line)
    const { attempt } = launch.job
    await engine.launch(launch)
    await eventually(() => expect(read(attempt, 'stdout.0.log')).toBe('ready\n'))
    const [name = ''] = containersOf(attempt)
    const id = execFileSync('podman', ['inspect', '--format={{.State.ConmonPid}}', name], { encoding: 'utf8' })
    process.kill(Number(id), 'SIGKILL')
    expect(await look(engine, attempt)).toEqual({ state: 'running' })
    await engine.signal(attempt, 'SIGTERM')
    expect(ends(await endOf(engine, attempt))).toEqual([75])
    expect(containersOf(attempt)).toEqual([])
  })

  test('an interpreter that the image lacks is told as what it is, and leaves no container', async () => {
    const { engine } = makeEngine({ python: '/no/such/python' })
    const launch = lineJob('')
    await expect(engine.launch(launch)).rejects.toMatchObject({
      code: 'CONTAINER_REFUSED',
      message: expect.stringContaining('/no/such/python'),
    })
    expect(containersOf(launch.job.attempt)).toEqual([])
    expect(await look(engine, launch.job.attempt)).toEqual({ state: 'unclaimed' })
  })

  test('an image without a registry that is not here is missing; nothing is asked of the network', async () => {
    const { engine } = makeEngine({ image: `sha256:${'0'.repeat(64)}` })
    await expect(engine.launch(lineJob(''))).rejects.toMatchObject({ code: 'IMAGE_MISSING' })
  })

  test('what the host can not restrict is a warning of the attempt', async () => {
    const { engine, read } = makeEngine({ network: 'host' })
    const launch = lineJob('')
    await engine.launch(launch)
    await endOf(engine, launch.job.attempt)
    expect(JSON.parse(read(launch.job.attempt, 'events.engine.jsonl'))).toMatchObject({
      type: 'warning',
      message: "pool boxes: attempts use this machine's own network, as was asked for",
    })
  })
})

test('on a machine with neither podman nor docker one error names both', async () => {
  const { findRuntime } = await import('../../../orchestrator/engines/container/runtime.ts')
  const path = process.env.PATH
  process.env.PATH = '/nowhere'
  try {
    await expect(findRuntime()).rejects.toMatchObject({
      code: 'CONTAINER_ENGINE_MISSING',
      message: 'no container engine works here: podman: not installed; docker: not installed',
    })
  } finally {
    process.env.PATH = path
  }
})
