import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import type { Logger } from 'pino'
import { faultPoint } from '../../fault-point.ts'
import { claimPath, readClaim, readExit, removeSecrets, writeJob } from '../attempt-directory.ts'
import { lookAt, revokeAttempt, unlessAborted, untilClaimed, untilFree } from '../attempt-life.ts'
import { isLocked } from '../claim-lock.ts'
import type { Engine, Launch, Observation, RankProcess, Signal } from '../engine.ts'
import type { Prepare } from '../prepare/prepare.ts'
import { attemptDirectoriesInUse, isRunning, killTree, rankProcesses, sendSignal } from './processes.ts'
import { Spawner } from './spawner.ts'
import { startLauncher } from './start-launcher.ts'

export type LocalEngineOptions = {
  stateDir: string
  /** Interpreter for the launcher; 3.11 or later, nothing else is asked of it. */
  python: string
  prepare: Prepare
  log: Pick<Logger, 'warn'>
}

/** How long a launcher has to kill its ranks itself, which leaves a record, before the engine does it without one. */
const KILL_TAKES_MS = 5_000

/** Runs attempts as processes of this machine. All that it must know is in their directories, so a new one takes over. */
export class LocalEngine implements Engine {
  readonly kind = 'local'
  readonly writes = 'told'
  readonly metrics: string
  readonly #prepare: Prepare
  readonly #attempts: string
  readonly #python: string
  readonly #spawner: Spawner
  readonly #log: Pick<Logger, 'warn'>
  readonly #launching = new Map<string, Promise<void>>()
  /** Launchers that this process has started itself: their end is told without asking. */
  readonly #launchers = new Map<string, Promise<void>>()

  constructor({ stateDir, python, prepare, log }: LocalEngineOptions) {
    this.#attempts = resolve(stateDir, 'attempts')
    this.metrics = resolve(stateDir, 'job-metrics')
    this.#prepare = prepare
    this.#python = python
    this.#spawner = new Spawner(python)
    this.#log = log
  }

  /** What the first launch would wait for. */
  warmUp(): void {
    this.#spawner.warmUp()
  }

  close(): void {
    this.#spawner.close()
  }

  directory(attempt: string): string {
    return join(this.#attempts, attempt)
  }

  launch(launch: Launch): Promise<void> {
    const { attempt } = launch.job
    const underWay = this.#launching.get(attempt)
    if (underWay) return underWay
    const started = this.#start(launch).finally(() => this.#launching.delete(attempt))
    this.#launching.set(attempt, started)
    return started
  }

  async #start(launch: Launch): Promise<void> {
    const { attempt } = launch.job
    const directory = this.directory(attempt)
    if (await readClaim(directory)) return
    await writeJob(directory, await this.#prepare(launch.job), launch.secrets)
    faultPoint('job-file-written')
    const { exited } =
      (await this.#spawner.start(directory, launch.env)) ?? (await startLauncher(this.#python, directory, launch.env))
    // Another launcher may have been first: then this one is gone at once, and the lock is asked, as for any other.
    this.#launchers.set(
      attempt,
      exited.then(() => void this.#launchers.delete(attempt)),
    )
  }

  async observe(attempts: string[]): Promise<Map<string, Observation>> {
    return new Map(await Promise.all(attempts.map(async (attempt) => [attempt, await this.#look(attempt)] as const)))
  }

  async living(): Promise<Set<string>> {
    const directories = attemptDirectoriesInUse().filter((directory) => dirname(directory) === this.#attempts)
    return new Set(directories.map((directory) => basename(directory)))
  }

  async #look(attempt: string): Promise<Observation> {
    const directory = this.directory(attempt)
    try {
      return await lookAt(directory, isRunning)
    } catch (error) {
      this.#log.warn({ attempt, err: error }, 'attempt could not be observed')
      return { state: 'unknown' }
    }
  }

  async signal(attempt: string, signal: Signal): Promise<void> {
    const directory = this.directory(attempt)
    const claim = await readClaim(directory)
    if (claim === null || claim === 'revoked' || (await this.#look(attempt)).state !== 'running') return
    if (isRunning(claim)) {
      // A launcher that is killed can't record how its ranks ended; on SIGQUIT it kills them, and does.
      sendSignal(claim.pid, signal === 'SIGKILL' ? 'SIGQUIT' : signal)
      if (signal === 'SIGKILL') setTimeout(() => void this.#killOrphans(attempt), KILL_TAKES_MS).unref()
    } else if (signal === 'SIGKILL') {
      await this.#killOrphans(attempt)
    }
  }

  async #killOrphans(attempt: string): Promise<void> {
    const directory = this.directory(attempt)
    try {
      const claim = await readClaim(directory)
      if (claim === null || claim === 'revoked' || (await readExit(directory))) return
      if (!(await isLocked(claimPath(directory)))) return
      await killTree(directory, claim)
      await removeSecrets(directory)
    } catch (error) {
      this.#log.warn({ attempt, err: error }, 'attempt could not be killed')
    }
  }

  async processes(attempt: string): Promise<RankProcess[] | null> {
    const claim = await readClaim(this.directory(attempt))
    return claim === null || claim === 'revoked' ? null : rankProcesses(claim)
  }

  async revoke(attempt: string): Promise<'revoked' | 'running' | 'exited'> {
    return revokeAttempt(this.directory(attempt), () => this.#look(attempt))
  }

  /** It waits for nobody: whoever launched it has started it. */
  async started(): Promise<void> {}

  /** An attempt that nobody has claimed yet is waited for; one that was revoked, or forgotten, is over. */
  async ended(attempt: string, signal: AbortSignal): Promise<void> {
    const directory = this.directory(attempt)
    await unlessAborted(this.#launchers.get(attempt), signal)
    await untilClaimed(directory, signal)
    const claim = await readClaim(directory)
    if (claim === null || claim === 'revoked' || (await readExit(directory))) return
    // The kernel tells when the lock is free. What it can't tell: that launcher and guardian were both killed, and the
    // ranks would hold the lock for ever.
    const orphans = setInterval(() => isRunning(claim) || void this.#killOrphans(attempt), KILL_TAKES_MS)
    try {
      await untilFree(directory, signal)
    } finally {
      clearInterval(orphans)
    }
  }

  async forget(attempt: string): Promise<void> {
    const { state } = await this.#look(attempt)
    if (state === 'running' || state === 'unknown') throw new Error(`${attempt} is ${state}: can't be forgotten`)
    const claim = await readClaim(this.directory(attempt)).catch(() => null)
    const remove = (path: string) => rm(path, { recursive: true, force: true })
    // Its launcher has removed its temporary files, or the guardian has, unless both were killed (launcher/scratch.py).
    if (claim !== null && claim !== 'revoked') await remove(join(tmpdir(), `orchestrate-${attempt}-${claim.pid}`))
    await remove(this.directory(attempt))
  }
}
