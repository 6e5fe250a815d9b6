import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, watch } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Engine, Launch } from '../../../orchestrator/engines/engine.ts'
import { pidsOf } from '../../../orchestrator/engines/local/processes.ts'
import type { AttemptExit } from '../../../orchestrator/protocol/exit-record.ts'
import type { JobFile } from '../../../orchestrator/protocol/job-file.ts'
import { WorkerEvent } from '../../../orchestrator/protocol/worker-event.ts'

export type Place = {
  /** A new engine for the same place each time, as a control plane that comes back makes one. */
  engine(): Engine
  /** Interpreter that the ranks are to be started with. */
  python: string
  close(): Promise<void>
}

const ranksFolder = import.meta.dirname
const foreignWorker = join(import.meta.dirname, '../../fixtures/foreign-worker')
let attempts = 0

export const newAttempt = () => `a-${(++attempts).toString(16).padStart(10, '0')}-1`

/** An attempt that runs `rank.py <what>` in each of its ranks. */
export function rankJob(python: string, what: string[], patch: Partial<JobFile> = {}): Launch {
  const job: JobFile = {
    protocol: 1,
    attempt: newAttempt(),
    job: 'k'.repeat(64),
    stage: 'test',
    shard: 0,
    shards: 1,
    fence: 1,
    command: [python, '-S', 'rank.py', ...what],
    code: ranksFolder,
    entry: 'test',
    config: {},
    inputs: {},
    outputs: [],
    ranks: 1,
    cores: 1,
    gpus: [],
    store: { url: 'file:///nowhere' },
    prefix: 'jobs/k/s0/1',
    resume: [],
    checkpoint: { every: null },
    grace: 60,
    time: null,
    memory: null,
    logBytes: 1 << 16,
    secrets: null,
    ...patch,
  }
  return { job, env: {}, secrets: {} }
}

export const never = () => new AbortController().signal

/** Resolves when a file of the attempt holds the text, told by inotify. */
export async function untilWritten(engine: Engine, attempt: string, file: string, text = ''): Promise<void> {
  const directory = engine.directory(attempt)
  await new Promise<void>((resolve) => {
    const watcher = watch(directory)
    const look = () => {
      const path = join(directory, file)
      if (!existsSync(path) || !readFileSync(path, 'utf8').includes(text)) return
      watcher.close()
      resolve()
    }
    watcher.on('change', look)
    look()
  })
}

const ready = async (engine: Engine, attempt: string, ranks = 1) => {
  for (let rank = 0; rank < ranks; rank++) await untilWritten(engine, attempt, `stdout.${rank}.log`, 'ready\n')
}

async function endOf(engine: Engine, attempt: string): Promise<AttemptExit> {
  await engine.ended(attempt, never())
  const seen = (await engine.observe([attempt])).get(attempt)
  if (seen?.state !== 'exited' || !seen.exit) throw new Error(`no record: ${JSON.stringify(seen)}`)
  return seen.exit
}

const ends = (exit: AttemptExit) => exit.ranks.map((rank) => rank.signal ?? rank.code)

/** What every engine has to do, with real processes. */
export function engineContract(name: string, makePlace: () => Promise<Place>): void {
  describe(`${name} engine`, () => {
    let place: Place
    let engine: Engine
    beforeAll(async () => {
      place = await makePlace()
      engine = place.engine()
    })
    afterAll(() => place.close())

    const start = async (what: string[], patch: Partial<JobFile> = {}) => {
      const launch = rankJob(place.python, what, patch)
      await engine.launch(launch)
      return launch.job.attempt
    }
    const read = (attempt: string, file: string) => readFileSync(join(engine.directory(attempt), file), 'utf8')

    test('launching again, also at once and by another engine, starts once', async () => {
      const launch = rankJob(place.python, ['started'])
      const { attempt } = launch.job
      const other = place.engine()
      await Promise.all([
        engine.launch(launch),
        engine.launch(launch),
        other.launch(launch),
        place.engine().launch(launch),
      ])
      await engine.launch(launch)
      await ready(engine, attempt)
      expect(await other.living()).toContain(attempt)
      await engine.signal(attempt, 'SIGTERM')
      await endOf(engine, attempt)
      expect(await other.living()).not.toContain(attempt)
      await other.launch(launch)
      expect(read(attempt, 'started').split('\n')).toHaveLength(2)
      expect((await other.observe([attempt])).get(attempt)?.state).toBe('exited')
    })

    test('every rank keeps its own end, and the one that ended the others is named', async () => {
      const attempt = await start(['differ'], { ranks: 4 })
      const exit = await endOf(engine, attempt)
      expect(ends(exit)).toEqual([0, 3, 75, 'SIGKILL'])
      expect(exit).toMatchObject({ attempt, cause: 'ranks', firstBad: 1, message: null })
      expect(exit.ranks.map((rank) => rank.rank)).toEqual([0, 1, 2, 3])
      for (const rank of exit.ranks) {
        expect(rank.endedAt).toBeGreaterThanOrEqual(rank.startedAt)
        expect(rank.peakRss).toBeGreaterThan(1 << 20)
        expect(JSON.parse(read(attempt, `exit.${rank.rank}.json`))).toEqual(rank)
      }
    })

    test.each([0, 3, 75, 255])('exit code %i is kept', async (code) => {
      const exit = await endOf(engine, await start(['leave', `${code}`]))
      expect(ends(exit)).toEqual([code])
      expect(exit).toMatchObject({ cause: 'ranks', firstBad: code === 0 ? null : 0 })
    })

    test('a killed rank ends the gang, which would wait for it for ever', async () => {
      const exit = await endOf(engine, await start(['die'], { ranks: 3 }))
      expect(exit).toMatchObject({ cause: 'ranks', firstBad: 1 })
      expect(ends(exit)).toEqual(['SIGTERM', 'SIGKILL', 'SIGTERM'])
    })

    test('every signal reaches every rank', async () => {
      const attempt = await start(['listen'], { ranks: 3 })
      await ready(engine, attempt, 3)
      for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) {
        await engine.signal(attempt, signal)
        for (const rank of [0, 1, 2]) await untilWritten(engine, attempt, `stdout.${rank}.log`, signal)
      }
      await engine.signal(attempt, 'SIGTERM')
      const exit = await endOf(engine, attempt)
      expect(ends(exit)).toEqual([75, 75, 75])
      expect(exit).toMatchObject({ cause: 'signal', firstBad: null })
      await engine.signal(attempt, 'SIGTERM') // nobody is there any more, and nobody is hit
    })

    test('a rank that has no handlers yet survives SIGUSR1 and SIGUSR2, but not SIGTERM', async () => {
      const attempt = await start(['wait'])
      for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) await engine.signal(attempt, signal) // while it starts
      await ready(engine, attempt)
      for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) await engine.signal(attempt, signal)
      await engine.signal(attempt, 'SIGTERM')
      expect(ends(await endOf(engine, attempt))).toEqual(['SIGTERM'])
    })

    test('who does not end in the grace period is killed', async () => {
      const attempt = await start(['stubborn'], { ranks: 2, grace: 0.5 })
      await ready(engine, attempt, 2)
      await engine.signal(attempt, 'SIGTERM')
      const exit = await endOf(engine, attempt)
      expect(ends(exit)).toEqual(['SIGKILL', 'SIGKILL'])
      expect(exit.cause).toBe('signal')
      expect(read(attempt, 'stdout.1.log')).toBe('ready\nSIGTERM, so what\n')
    })

    test('a rank that was stopped is seen to be, and SIGKILL ends it', async () => {
      const attempt = await start(['freeze'], { ranks: 2 })
      await ready(engine, attempt, 2)
      const states = async () => (await engine.processes(attempt))?.map(({ rank, state }) => [rank, state === 'T'])
      // The kernel tells nobody but its parent when it stops.
      await vi.waitFor(
        async () =>
          expect((await states())?.sort()).toEqual([
            [0, false],
            [1, true],
          ]),
        { timeout: 60_000 },
      )
      await engine.signal(attempt, 'SIGKILL')
      const [running, stopped] = ends(await endOf(engine, attempt))
      expect(['SIGTERM', 'SIGKILL']).toContain(running) // it is sent both, at once
      expect(stopped).toBe('SIGKILL')
      expect(await engine.processes(attempt)).toBe(null)
    })

    test('SIGKILL does not wait for the grace period, and leaves a record all the same', async () => {
      const attempt = await start(['stubborn'], { ranks: 2 })
      await ready(engine, attempt, 2)
      await engine.signal(attempt, 'SIGKILL')
      const exit = await endOf(engine, attempt)
      expect(ends(exit)).toEqual(['SIGKILL', 'SIGKILL'])
      expect(exit).toMatchObject({ cause: 'signal' })
    })

    test('an attempt has only its time', async () => {
      const attempt = await start(['listen'], { time: 3, ranks: 2 })
      const exit = await endOf(engine, attempt)
      expect(exit.cause).toBe('time')
      for (const end of ends(exit)) expect([75, 'SIGTERM']).toContain(end) // it may not have had its handlers yet
    })

    test('thirty-two ranks are a gang too', async () => {
      const exit = await endOf(engine, await start(['leave', '0'], { ranks: 32 }))
      expect(ends(exit)).toEqual(Array(32).fill(0))
    })

    test('a command that does not exist is said, not guessed from a code', async () => {
      const exit = await endOf(engine, await start([], { command: ['no-such-program'], ranks: 2 }))
      expect(exit).toMatchObject({ cause: 'launcher', ranks: [], firstBad: null })
      expect(exit.message).toContain('no-such-program')
    })

    test('what was revoked never starts', async () => {
      const launch = rankJob(place.python, ['started'])
      const { attempt } = launch.job
      expect((await engine.observe([attempt])).get(attempt)).toEqual({ state: 'unclaimed' })
      expect(await engine.revoke(attempt)).toBe('revoked')
      expect(await place.engine().revoke(attempt)).toBe('revoked')
      await place.engine().launch(launch)
      await engine.signal(attempt, 'SIGTERM')
      await engine.ended(attempt, never())
      expect((await engine.observe([attempt])).get(attempt)).toEqual({ state: 'revoked' })
      expect(existsSync(join(engine.directory(attempt), 'started'))).toBe(false)
    })

    test('what has started can not be revoked', async () => {
      const attempt = await start(['wait'])
      expect(await engine.revoke(attempt)).toBe('running')
      await engine.signal(attempt, 'SIGKILL')
      await engine.ended(attempt, never())
      expect(await place.engine().revoke(attempt)).toBe('exited')
    })

    test('of a launch and a revocation at once, one wins, and both know which', async () => {
      const rounds = Array.from({ length: 12 }, async (_, round) => {
        const launch = { ...rankJob(place.python, ['started']), secrets: { TOKEN: 'hush' } }
        const { attempt } = launch.job
        const launched = engine.launch(launch)
        await new Promise((resolve) => setTimeout(resolve, round * 5)) // each round at another moment of the launch
        const answer = await place.engine().revoke(attempt)
        await launched
        if (answer === 'running') {
          await ready(engine, attempt)
          await engine.signal(attempt, 'SIGKILL')
        }
        await engine.ended(attempt, never())
        const state = (await engine.observe([attempt])).get(attempt)?.state
        expect(state).toBe(answer === 'running' ? 'exited' : 'revoked')
        expect(existsSync(join(engine.directory(attempt), 'started'))).toBe(answer === 'running')
        expect(existsSync(join(engine.directory(attempt), 'secrets.json'))).toBe(false)
      })
      await Promise.all(rounds)
    })

    test('another engine finds what this one started, hears of its end, and can end it', async () => {
      const attempt = await start(['listen'], { ranks: 2 })
      await ready(engine, attempt, 2)
      const other = place.engine()
      expect((await other.observe([attempt, 'a-none-1'])).get(attempt)).toEqual({ state: 'running' })
      const ended = [other.ended(attempt, never()), place.engine().ended(attempt, never())]
      await other.signal(attempt, 'SIGTERM')
      await Promise.all(ended)
      expect(ends(await endOf(other, attempt))).toEqual([75, 75])
    })

    test('who waits for an end can stop waiting, and the attempt does not notice', async () => {
      const attempt = await start(['wait'])
      for (const waiting of [engine, place.engine()]) {
        const stop = new AbortController()
        const ended = waiting.ended(attempt, stop.signal)
        stop.abort(new Error('enough'))
        await expect(ended).rejects.toThrow('enough')
      }
      expect((await engine.observe([attempt])).get(attempt)).toEqual({ state: 'running' })
      await engine.signal(attempt, 'SIGKILL')
      await engine.ended(attempt, never())
    })

    test('an end can be waited for before the start', async () => {
      const launch = rankJob(place.python, ['leave', '0'])
      const ended = place.engine().ended(launch.job.attempt, never())
      await engine.launch(launch)
      await ended
      expect(ends(await endOf(engine, launch.job.attempt))).toEqual([0])
    })

    test('a log keeps its beginning and its end, and says what is missing', async () => {
      const attempt = await start(['flood', '500000'], { logBytes: 100_000 }) // 50 MB
      await untilWritten(engine, attempt, 'stdout.0.log', 'the end\nready\n')
      const log = read(attempt, 'stdout.0.log')
      expect(statSync(join(engine.directory(attempt), 'stdout.0.log')).size).toBeLessThanOrEqual(100_000)
      const lines = log.trimEnd().split('\n')
      const cut = lines.findIndex((line) => line.startsWith('[…'))
      const dropped = Number(/([\d,]+) bytes dropped/.exec(lines[cut] ?? '')?.[1]?.replaceAll(',', ''))
      const kept = [...lines.slice(0, cut), ...lines.slice(cut + 1)]
      expect(kept.join('\n').length + 1 + dropped).toBe(50_000_000 + 'the end\nready\n'.length)
      expect(kept.slice(0, 400).map(Number)).toEqual(Array.from({ length: 400 }, (_, i) => i))
      expect(Number(kept.at(-3))).toBe(499_999)
      await engine.signal(attempt, 'SIGKILL')
      await engine.ended(attempt, never())
    })

    test('ranks are told who they are, and nothing that is not for them', async () => {
      process.env.DAEMON_SECRET = 'not for workers'
      const launch = rankJob(place.python, ['describe'], { ranks: 2, cores: 4 })
      launch.env.FOR_THE_WORKER = 'yes'
      launch.secrets.TOKEN = 'hush'
      const { attempt } = launch.job
      await engine.launch(launch)
      expect(ends(await endOf(engine, attempt))).toEqual([0, 0])
      const facts = [0, 1].map((rank) => JSON.parse(read(attempt, `facts.${rank}.json`)))
      for (const [rank, fact] of facts.entries()) {
        expect(fact.env).toMatchObject({
          RANK: `${rank}`,
          LOCAL_RANK: `${rank}`,
          WORLD_SIZE: '2',
          MASTER_ADDR: '127.0.0.1',
          MASTER_PORT: facts[0].env.MASTER_PORT,
          CUDA_VISIBLE_DEVICES: '',
          OMP_NUM_THREADS: '2',
          ORCHESTRATE_ATTEMPT_DIR: engine.directory(attempt),
          PYTHONPATH: ranksFolder,
          PYTHONUNBUFFERED: '1',
          PYTHONHASHSEED: '0',
          FOR_THE_WORKER: 'yes',
        })
        expect(fact.env).not.toHaveProperty('DAEMON_SECRET')
        expect(Object.keys(fact.env).length).toBeLessThan(24)
        // SIGUSR1 and SIGUSR2 by contract; SIGPIPE and SIGXFSZ are Python's own doing.
        expect(fact).toMatchObject({ cwd: realpathSync(ranksFolder), ignored: [10, 12, 13, 25], blocked: [] })
        expect(fact).toMatchObject({ stdin: '', leader: true, secrets: { TOKEN: 'hush' }, mode: 0o600 })
      }
      delete process.env.DAEMON_SECRET
    })

    test('secrets are gone with the attempt', async () => {
      const launch = { ...rankJob(place.python, ['leave', '1']), secrets: { TOKEN: 'planted-7f3a' } }
      await engine.launch(launch)
      await endOf(engine, launch.job.attempt)
      const found = spawnGrep('planted-7f3a', engine.directory(launch.job.attempt))
      expect(found).toBe('')
    })

    test.each(['leave', 'wait'])('nothing is left of what a rank has started when it ends (%s)', async (how) => {
      const attempt = await start(['breed', how], { ranks: 2 })
      if (how === 'wait') {
        await ready(engine, attempt, 2)
        await engine.signal(attempt, 'SIGTERM')
      }
      await endOf(engine, attempt)
      expect(pidsOf(engine.directory(attempt), null)).toEqual([])
    })

    test('what is forgotten is gone, and what runs is not forgotten', async () => {
      const attempt = await start(['wait'])
      await expect(engine.forget(attempt)).rejects.toThrow('running')
      await engine.signal(attempt, 'SIGKILL')
      await engine.ended(attempt, never())
      await engine.forget(attempt)
      await engine.forget(attempt)
      expect(existsSync(engine.directory(attempt))).toBe(false)
    })

    test('a worker of 30 lines counts in two shards, and joins them', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'numbers-'))
      const patch = { code: foreignWorker, command: [place.python, 'worker.py'], ranks: 2, shards: 2 }
      const config = { steps: 5, delay_ms: 0, fail_at: null, exit: 1 }
      for (const shard of [0, 1]) {
        const attempt = await start([], { ...patch, entry: 'count', config, outputs: ['numbers'], shard })
        expect(ends(await endOf(engine, attempt))).toEqual([0, 0])
        execFileSync('cp', ['-r', `${engine.directory(attempt)}/outputs/numbers/.`, folder])
        for (const rank of [0, 1]) eventsOf(read(attempt, `events.${rank}.jsonl`))
      }
      expect(readdirSync(folder).sort()).toEqual(['0.txt', '1.txt'])
      const inputs = { numbers: { path: folder, format: 'numbers', digest: 'd' } }
      const attempt = await start([], { ...patch, shards: 1, entry: 'join', inputs, outputs: ['joined'] })
      expect(ends(await endOf(engine, attempt))).toEqual([0, 0])
      expect(read(attempt, 'outputs/joined/0.txt')).toBe('0\n1\n2\n3\n4\n')
      const events = eventsOf(read(attempt, 'events.0.jsonl'))
      expect(events.map((event) => event.type)).toEqual(['hello', 'artifact', 'done'])
      expect(events.at(-1)).toMatchObject({ metrics: { even: { k: 3, n: 5 } } })
      rmSync(folder, { recursive: true })
    })

    test('a worker of 30 lines fails in its own words', async () => {
      const config = { steps: 5, delay_ms: 0, fail_at: 2, exit: 65 }
      const patch = { code: foreignWorker, command: [place.python, 'worker.py'], entry: 'count', config }
      const attempt = await start([], { ...patch, outputs: ['numbers'] })
      expect(ends(await endOf(engine, attempt))).toEqual([65])
      expect(eventsOf(read(attempt, 'events.0.jsonl')).at(-1)).toMatchObject({ type: 'failed', code: 'ASKED_TO' })
    })
  })
}

const eventsOf = (jsonl: string) =>
  jsonl
    .trim()
    .split('\n')
    .map((line) => WorkerEvent.parse(JSON.parse(line)))

function spawnGrep(text: string, folder: string): string {
  try {
    return execFileSync('grep', ['-rl', text, folder], { encoding: 'utf8' })
  } catch {
    return '' // grep's way to say: nothing found
  }
}
