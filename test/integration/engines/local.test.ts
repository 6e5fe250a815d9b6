import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LauncherClaim } from '../../../orchestrator/engines/attempt-directory.ts'
import type { Engine, Launch } from '../../../orchestrator/engines/engine.ts'
import { LocalEngine } from '../../../orchestrator/engines/local/local.ts'
import { isRunning, pidsOf } from '../../../orchestrator/engines/local/processes.ts'
import { prepared } from '../../../orchestrator/engines/prepare/prepare.ts'
import { endOf, ends, never, newAttempt, rankJob, untilReady } from './contract/lab.ts'
import { localPlace, python } from './contract/local-place.ts'
import { log } from './contract/log.ts'

describe('local processes', () => {
  let place: Awaited<ReturnType<typeof localPlace>>
  let engine: Engine
  beforeAll(async () => {
    place = await localPlace()
    engine = place.engine()
  })
  afterAll(() => place.close())

  const claimOf = (attempt: string): LauncherClaim =>
    JSON.parse(readFileSync(join(engine.directory(attempt), 'claim'), 'utf8'))
  const look = async (attempt: string, from = engine) => (await from.observe([attempt])).get(attempt)
  const start = async (what: string[], patch: Partial<Launch['job']> = {}) => {
    const launch = rankJob(python, what, patch)
    await engine.launch({ ...launch, secrets: { TOKEN: 'hush' } })
    await untilReady(engine, launch.job.attempt, launch.job.ranks)
    return launch.job.attempt
  }
  /** Where `litter` left a file. */
  const scratchOf = (attempt: string): string =>
    dirname(readFileSync(join(engine.directory(attempt), 'stdout.0.log'), 'utf8').split('\n')[0] ?? '')
  /** The launcher's own child, which watches over its end; the other children are ranks. */
  const guardianOf = (attempt: string) => {
    const { pid } = claimOf(attempt)
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
    const ranks = pidsOf(engine.directory(attempt), null)
    return children.find((child) => !ranks.includes(child)) ?? 0
  }

  /** The last to go lets the lock go a moment before it has gone. */
  const untilNobody = (attempt: string) =>
    until(() => pidsOf(engine.directory(attempt), claimOf(attempt).pid).length === 0)

  test('when the launcher is killed its ranks end, and all that they have started', async () => {
    const attempt = await start(['breed', 'wait'], { ranks: 2 })
    const ended = [engine.ended(attempt, never()), place.engine().ended(attempt, never())]
    process.kill(claimOf(attempt).pid, 'SIGKILL')
    await Promise.all(ended)
    await untilNobody(attempt)
    expect(await look(attempt)).toEqual({ state: 'exited', exit: null, end: null })
    expect(existsSync(join(engine.directory(attempt), 'secrets.json'))).toBe(false)
    await engine.signal(attempt, 'SIGKILL')
    await engine.launch(rankJob(python, ['started'], { attempt }))
    expect(await look(attempt)).toEqual({ state: 'exited', exit: null, end: null })
  })

  test('when the launcher is killed, temporary files go with the ranks', async () => {
    const attempt = await start(['litter'])
    const scratch = scratchOf(attempt)
    expect(existsSync(scratch)).toBe(true)
    process.kill(claimOf(attempt).pid, 'SIGKILL')
    await engine.ended(attempt, never())
    expect(existsSync(scratch)).toBe(false)
  })

  test('a guardian that is killed is replaced', async () => {
    const attempt = await start(['wait'])
    const guardian = guardianOf(attempt)
    process.kill(guardian, 'SIGKILL')
    await until(() => ![0, guardian].includes(guardianOf(attempt)))
    process.kill(claimOf(attempt).pid, 'SIGKILL')
    await engine.ended(attempt, never())
    await untilNobody(attempt)
  })

  test('ranks that lost launcher and guardian are ended by whoever waits for them', async () => {
    const attempt = await start(['litter'])
    const guardian = guardianOf(attempt)
    process.kill(claimOf(attempt).pid, 'SIGSTOP')
    process.kill(guardian, 'SIGKILL')
    process.kill(claimOf(attempt).pid, 'SIGKILL')
    await place.engine().ended(attempt, never())
    expect(await look(attempt)).toEqual({ state: 'exited', exit: null, end: null })
    const scratch = scratchOf(attempt)
    expect(existsSync(scratch)).toBe(true)
    await engine.forget(attempt)
    expect(existsSync(scratch)).toBe(false)
  })

  test('ranks without launcher and guardian still count as running, and can be killed', async () => {
    const attempt = await start(['breed', 'wait'], { ranks: 2 })
    const guardian = guardianOf(attempt)
    process.kill(claimOf(attempt).pid, 'SIGSTOP') // or it would make a new guardian
    process.kill(guardian, 'SIGKILL')
    process.kill(claimOf(attempt).pid, 'SIGKILL')
    await until(() => !isRunning(claimOf(attempt)))
    const other = place.engine()
    expect(await look(attempt, other)).toEqual({ state: 'running' })
    await other.signal(attempt, 'SIGTERM') // there is nobody to pass it on
    expect(await look(attempt, other)).toEqual({ state: 'running' })
    const ended = Promise.all([engine.ended(attempt, never()), other.ended(attempt, never())])
    await other.signal(attempt, 'SIGKILL')
    await ended
    await untilNobody(attempt)
    expect(await look(attempt, other)).toEqual({ state: 'exited', exit: null, end: null })
    await other.forget(attempt)
  })

  test('a launcher that does not answer is killed after a while, with its ranks', async () => {
    const attempt = await start(['stubborn'])
    process.kill(claimOf(attempt).pid, 'SIGSTOP')
    await engine.signal(attempt, 'SIGKILL')
    expect(await look(attempt)).toEqual({ state: 'running' })
    await engine.ended(attempt, never())
    expect(await look(attempt)).toEqual({ state: 'exited', exit: null, end: null })
    await engine.forget(attempt)
  })

  test('the launcher leads a session of its own, so that Ctrl-C in a terminal does not reach it', async () => {
    const attempt = await start(['wait'])
    const stat = readFileSync(`/proc/${claimOf(attempt).pid}/stat`, 'utf8')
    expect(Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3])).toBe(claimOf(attempt).pid)
    await engine.signal(attempt, 'SIGKILL')
    await engine.ended(attempt, never())
  })

  test('outputs are folders of the attempt, and inputs folders where it runs: two shards are joined', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'numbers-'))
    const code = join(import.meta.dirname, '../../fixtures/foreign-worker')
    const patch = { code, command: [python, 'worker.py'], ranks: 2, shards: 2 }
    const config = { steps: 5, delay_ms: 0, fail_at: null, exit: 1 }
    for (const shard of [0, 1]) {
      const launch = rankJob(python, [], { ...patch, entry: 'count', config, outputs: ['numbers'], shard })
      await engine.launch(launch)
      expect(ends(await endOf(engine, launch.job.attempt))).toEqual([0, 0])
      execFileSync('cp', ['-r', `${engine.directory(launch.job.attempt)}/outputs/numbers/.`, folder])
    }
    expect(readdirSync(folder).sort()).toEqual(['0.txt', '1.txt'])
    const inputs = { numbers: { path: folder, format: 'numbers', digest: 'd' } }
    const launch = rankJob(python, [], { ...patch, shards: 1, entry: 'join', inputs, outputs: ['joined'] })
    await engine.launch(launch)
    expect(ends(await endOf(engine, launch.job.attempt))).toEqual([0, 0])
    const joined = join(engine.directory(launch.job.attempt), 'outputs/joined/0.txt')
    expect(readFileSync(joined, 'utf8')).toBe('0\n1\n2\n3\n4\n')
    rmSync(folder, { recursive: true })
  })

  test.each([
    ['of an earlier boot', { boot: '00000000-0000-0000-0000-000000000000' }],
    ['whose pid is another process by now', { start: 1 }],
  ])('a claim %s is over, and nobody is hit in its name', async (_, patch) => {
    const attempt = newAttempt()
    const own = readFileSync('/proc/self/stat', 'utf8')
    const start = Number(own.slice(own.lastIndexOf(')') + 2).split(' ')[19])
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    mkdirSync(engine.directory(attempt), { recursive: true })
    writeFileSync(join(engine.directory(attempt), 'claim'), JSON.stringify({ pid: process.pid, boot, start, ...patch }))
    expect(await look(attempt)).toEqual({ state: 'exited', exit: null, end: null })
    await engine.signal(attempt, 'SIGKILL')
    await engine.ended(attempt, never())
  })

  test('a claim that can not be understood makes the attempt unknown, never over', async () => {
    const warnings: unknown[] = []
    const calm = new LocalEngine({
      stateDir: place.stateDir,
      python,
      prepare: prepared,
      log: { warn: (...args: unknown[]) => warnings.push(args) },
    })
    const attempt = newAttempt()
    mkdirSync(calm.directory(attempt), { recursive: true })
    writeFileSync(join(calm.directory(attempt), 'claim'), '{"pid":')
    expect(await look(attempt, calm)).toEqual({ state: 'unknown' })
    expect(await calm.revoke(attempt)).toBe('running')
    expect(warnings).toHaveLength(2)
  })

  test('each rank gets one GPU, and no GPU goes to two attempts, even of two control planes', async () => {
    const gpus = ['GPU-test-0', 'GPU-test-1'].map((gpu) => `${gpu}-${process.pid}`)
    const attempt = await start(['wait'], { ranks: 2, gpus })
    const devices = pidsOf(engine.directory(attempt), null).map(
      (pid) => /CUDA_VISIBLE_DEVICES=([^\0]*)/.exec(readFileSync(`/proc/${pid}/environ`, 'utf8'))?.[1],
    )
    expect(devices.sort()).toEqual(gpus)

    const elsewhere = await localPlace()
    const second = rankJob(python, ['leave', '0'], { gpus: gpus.slice(1) })
    const other = elsewhere.engine()
    await other.launch(second)
    await other.ended(second.job.attempt, never())
    const refused = await look(second.job.attempt, other)
    expect(refused).toMatchObject({ exit: { cause: 'launcher', code: 'GPU_BUSY', ranks: [] } })
    expect(JSON.stringify(refused)).toContain(`GPU ${gpus[1]} is in use`)

    await engine.signal(attempt, 'SIGKILL')
    await engine.ended(attempt, never())
    const third = rankJob(python, ['leave', '0'], { gpus: gpus.slice(1) })
    await other.launch(third)
    await other.ended(third.job.attempt, never())
    expect(await look(third.job.attempt, other)).toMatchObject({ exit: { cause: 'ranks', firstBad: null } })
    await elsewhere.close()
    for (const gpu of gpus) rmSync(`/tmp/orchestrate-gpu-${gpu}.lock`)
  })

  test.each([
    ['PYTHON_MISSING', { python: '/no/such/python' }],
    ['LAUNCH_FAILED', { python: '/bin/false' }],
    ['STATE_UNWRITABLE', { stateDir: '/dev/null/state' }],
  ])('a launch that can not succeed is a %s', async (code, patch) => {
    const broken = new LocalEngine({ stateDir: place.stateDir, python, prepare: prepared, log, ...patch })
    await expect(broken.launch(rankJob(python, ['wait']))).rejects.toMatchObject({ code, exit: 4 })
  })
})

/** There is no way to wait for what happens to a process that isn't one's own child without asking. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2))
}
