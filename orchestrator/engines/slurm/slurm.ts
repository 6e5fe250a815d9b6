import { access, constants, mkdir, readdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Logger } from 'pino'
import { OrchestrateError } from '../../errors.ts'
import { limits } from '../../limits.ts'
import { readExit, removeSecrets, revokeClaim, writeJob, writeWhole } from '../attempt-directory.ts'
import type { Engine, Launch, Observation, RankProcess, Signal } from '../engine.ts'
import type { Prepare } from '../prepare/prepare.ts'
import { Arrays } from './arrays.ts'
import { batchFileOf } from './batch-file-of.ts'
import { meaningOf } from './job-states.ts'
import { Look, type Seen } from './look.ts'
import { OldJobs } from './old-jobs.ts'
import { placeLauncher } from './place-launcher.ts'
import { jobKey, QueuePoll } from './queue-poll.ts'
import type { QueuedJob } from './read-queue.ts'
import { Signs } from './signs.ts'
import { SlurmCommands, SlurmSilence } from './slurm-commands.ts'
import type { SlurmPool } from './slurm-pool.ts'
import { readJobClaim, readSubmission } from './submission.ts'
import { Submitter } from './submitter.ts'

export type SlurmEngineOptions = {
  pool: SlurmPool
  /** Identity of the store: tells this control plane's jobs and folders from those of others. */
  identity: string
  prepare: Prepare
  log: Pick<Logger, 'warn'>
}

/**
 * Runs attempts as jobs of a Slurm cluster, which places and holds them. All that must be known is in their directories,
 * on a file system that this host shares with the nodes, and in Slurm's queue under their names, so a new one takes over.
 */
export class SlurmEngine implements Engine {
  readonly kind = 'slurm'
  readonly writes = 'polled'
  readonly metrics: string
  readonly #pool: SlurmPool
  readonly #folder: string
  readonly #prepare: Prepare
  readonly #log: Pick<Logger, 'warn'>
  readonly #commands: SlurmCommands
  readonly #queue: QueuePoll
  readonly #signs: Signs
  readonly #submitter: Submitter
  readonly #look: Look
  readonly #arrays: Arrays
  readonly #launching = new Map<string, Promise<void>>()
  #launcher: Promise<string> | null = null

  constructor({ pool, identity, prepare, log }: SlurmEngineOptions) {
    this.#pool = pool
    this.#folder = slurmFolder(pool, identity)
    this.metrics = join(this.#folder, 'job-metrics')
    this.#prepare = prepare
    this.#log = log
    this.#commands = new SlurmCommands(pool.conf)
    this.#queue = new QueuePoll(this.#commands, {
      comment: identity,
      everyMs: pool.poll * 1000,
      heard: (now, before) => this.#signs.heard(now, before),
    })
    this.#signs = new Signs(() => void this.#queue.latest().catch(() => {}))
    this.#look = new Look({
      directory: (attempt) => this.directory(attempt),
      commands: this.#commands,
      queue: this.#queue,
      old: new OldJobs(this.#commands),
      log,
    })
    this.#arrays = new Arrays(join(this.#folder, 'arrays'))
    this.#submitter = new Submitter({
      commands: this.#commands,
      queue: this.#queue,
      pool,
      comment: identity,
      arrays: this.#arrays,
      launcher: () => this.#placedLauncher(),
    })
  }

  close(): void {
    this.#signs.close()
  }

  directory(attempt: string): string {
    return join(this.#folder, 'attempts', attempt)
  }

  launch(launch: Launch): Promise<void> {
    const { attempt } = launch.job
    const underWay = this.#launching.get(attempt)
    if (underWay) return underWay
    const launched = this.#launch(launch).finally(() => this.#launching.delete(attempt))
    this.#launching.set(attempt, launched)
    return launched
  }

  async #launch(launch: Launch): Promise<void> {
    const { attempt } = launch.job
    const directory = this.directory(attempt)
    if (await readJobClaim(directory)) return
    if (await this.#wasSubmitted(attempt)) return
    await this.#checkFolder()
    const job = await this.#prepare(launch.job)
    await writeJob(directory, job, launch.secrets)
    const { env, gpus = 0, avoid = [] } = launch
    const batch = batchFileOf(this.#pool, { job, gpus, launcher: await this.#placedLauncher(), folder: this.#folder })
    await writeWhole(join(directory, 'batch.json'), batch, 0o644)
    const { nodes = 1, cores, memory, time } = job
    const needs = { nodes, cores, gpus, memory, time, avoid }
    const id = await this.#submitter.submit({ attempt, directory, needs, env })
    this.#queue.hurry()
    this.#signs.wake(attempt)
    // Somebody who wants it no longer may not have found a job to cancel yet.
    if ((await readJobClaim(directory)) !== 'revoked') return
    await removeSecrets(directory)
    await this.#cancel([id])
  }

  /** Whether a control plane that died had Slurm accept it before: the attempt's own file and Slurm's queue know. */
  async #wasSubmitted(attempt: string): Promise<boolean> {
    const submission = await readSubmission(this.directory(attempt))
    if (submission === null) return false
    if (submission.id !== null) return true
    const { jobs } = await this.#queue.fresh()
    return jobs.has(jobKey(submission))
  }

  /** Says what is wrong in the pool's own words, before anything else fails for it. */
  async #checkFolder(): Promise<void> {
    try {
      await mkdir(join(this.#folder, 'attempts'), { recursive: true })
      await access(this.#folder, constants.W_OK)
    } catch (cause) {
      throw new OrchestrateError(
        'POOL_DIRECTORY_UNUSABLE',
        `pool ${this.#pool.name}: can't write to ${this.#folder}: ${(cause as Error).message}`,
        { cause },
      )
    }
  }

  #placedLauncher(): Promise<string> {
    this.#launcher ??= placeLauncher(join(this.#folder, 'launcher')).catch((error: unknown) => {
      this.#launcher = null
      throw error
    })
    return this.#launcher
  }

  async observe(attempts: string[]): Promise<Map<string, Observation>> {
    const seen = await this.#look.at(attempts)
    return new Map([...seen].map(([attempt, { observation }]) => [attempt, this.#known(attempt, observation)]))
  }

  async #seen(attempt: string): Promise<Seen> {
    const seen = (await this.#look.at([attempt])).get(attempt)
    if (!seen) throw new Error(`${attempt} was not looked at`)
    return { ...seen, observation: this.#known(attempt, seen.observation) }
  }

  /** Between the moment that it is written down and the one that Slurm has it, only this process knows of it. */
  #known(attempt: string, observation: Observation): Observation {
    return observation.state === 'unclaimed' && this.#launching.has(attempt)
      ? { state: 'queued', why: 'it is being submitted to Slurm', startsAt: null }
      : observation
  }

  /** Those that Slurm holds, too: they would start one day. */
  async living(): Promise<Set<string>> {
    const { jobs } = await this.#queue.fresh()
    const found = await Promise.all(
      [...jobs.values()].flat().map(async (job) => {
        if (meaningOf(job.state)?.phase === 'over') return null
        const attempt = await this.#attemptOf(job)
        return attempt === null || (await readExit(this.directory(attempt))) ? null : attempt
      }),
    )
    return new Set(found.filter((attempt) => attempt !== null))
  }

  async #attemptOf({ name, task }: QueuedJob): Promise<string | null> {
    return task === null ? name : ((await this.#arrays.attempts(name))[task] ?? null)
  }

  async signal(attempt: string, signal: Signal): Promise<void> {
    const claim = await readJobClaim(this.directory(attempt))
    if (claim === null || claim === 'revoked') return
    const { state } = (await this.#seen(attempt)).observation
    if (state === 'unknown') throw new SlurmSilence(`can't tell whether ${attempt} runs: Slurm does not answer`, false)
    if (state !== 'running') return
    // To the batch step alone, which tells every node; on QUIT it has the ranks killed, and leaves a record.
    const name = signal === 'SIGKILL' ? 'QUIT' : signal.slice(3)
    await this.#scancel(['--batch', `--signal=${name}`, await this.#nameOf(attempt, claim)])
    if (signal === 'SIGKILL') setTimeout(() => void this.#kill(attempt), limits.slurm.killTakes).unref()
  }

  /** Without a record, if need be: the batch step may be frozen, or its node gone. */
  async #kill(attempt: string): Promise<void> {
    try {
      const claim = await readJobClaim(this.directory(attempt))
      const { observation } = await this.#seen(attempt)
      if (claim !== null && claim !== 'revoked' && observation.state === 'running')
        await this.#scancel([await this.#nameOf(attempt, claim)])
    } catch (error) {
      this.#log.warn({ attempt, err: error }, 'attempt could not be killed')
    }
  }

  /** What scancel is to be told. One task of an array has the array's own number, by which all of them would be meant. */
  async #nameOf(attempt: string, { job }: { job: string }): Promise<string> {
    const submission = await readSubmission(this.directory(attempt))
    if (submission === null || submission.task === null) return job
    if (submission.id !== null) return submission.id
    const listed = (await this.#queue.latest()).jobs.get(jobKey(submission)) ?? []
    return listed.find(({ number }) => number === job)?.id ?? job
  }

  /** One that is over meanwhile, or never was, need not be told. */
  async #scancel(args: string[]): Promise<void> {
    try {
      await this.#commands.run('scancel', args)
      this.#queue.hurry()
    } catch (error) {
      if (!(error instanceof OrchestrateError && error.code === 'SLURM_REFUSED')) throw error
    }
  }

  /** A job whose attempt can't start any more ends at once when its time comes: it may stay where Slurm is away. */
  async #cancel(ids: string[]): Promise<void> {
    try {
      if (ids.length > 0) await this.#scancel(ids)
    } catch (error) {
      this.#log.warn({ jobs: ids, err: error }, 'jobs of attempts that were revoked could not be cancelled')
    }
  }

  /** Slurm doesn't show what runs on its nodes. */
  async processes(): Promise<RankProcess[] | null> {
    return null
  }

  async revoke(attempt: string): Promise<'revoked' | 'running' | 'exited'> {
    const directory = this.directory(attempt)
    if (await revokeClaim(directory)) {
      await this.#cancel(await this.#jobsOf(directory))
      this.#signs.wake(attempt)
      return 'revoked'
    }
    const { state } = (await this.#seen(attempt)).observation
    return state === 'revoked' || state === 'exited' ? state : 'running'
  }

  async #jobsOf(directory: string): Promise<string[]> {
    const submission = await readSubmission(directory)
    if (submission === null) return []
    const listed = await this.#queue.latest().then(
      ({ jobs }) => jobs.get(jobKey(submission)) ?? [],
      () => [],
    )
    const open = listed.filter(({ state }) => meaningOf(state)?.phase !== 'over').map(({ id }) => id)
    return [...new Set([...(submission.id === null ? [] : [submission.id]), ...open])]
  }

  async started(attempt: string, signal: AbortSignal): Promise<void> {
    await this.#until(attempt, signal, ({ state }) => state !== 'queued' && state !== 'unknown')
  }

  async ended(attempt: string, signal: AbortSignal): Promise<void> {
    await this.#until(attempt, signal, ({ state }) => state === 'exited' || state === 'revoked')
  }

  async #until(attempt: string, signal: AbortSignal, reached: (seen: Observation) => boolean): Promise<void> {
    for (;;) {
      signal.throwIfAborted()
      const seen = await this.#seen(attempt)
      if (reached(seen.observation)) return
      if (seen.files.includes('exit.json')) this.#queue.hurry()
      await this.#signs.news(attempt, { directory: this.directory(attempt), ...seen }, signal)
    }
  }

  async forget(attempt: string): Promise<void> {
    const { state } = (await this.#seen(attempt)).observation
    if (state === 'running' || state === 'queued' || state === 'unknown')
      throw new Error(`${attempt} is ${state}: can't be forgotten`)
    const directory = this.directory(attempt)
    const submission = await readSubmission(directory)
    await rm(directory, { recursive: true, force: true })
    if (submission === null || submission.task === null) return
    const there = new Set(await readdir(join(this.#folder, 'attempts')))
    await this.#arrays.forget(submission.name, (one) => there.has(one))
  }
}

/** What a control plane keeps on the shared file system; two of them may share a pool's directory. */
export const slurmFolder = (pool: SlurmPool, identity: string): string => resolve(pool.directory, identity)
