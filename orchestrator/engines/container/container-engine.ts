import { createHash } from 'node:crypto'
import { appendFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import { OrchestrateError } from '../../errors.ts'
import { faultPoint } from '../../fault-point.ts'
import type { JobFile } from '../../protocol/job-file.ts'
import { readClaim, readExit, removeSecrets, writeJob } from '../attempt-directory.ts'
import { lookAt, revokeAttempt, unlessAborted, untilClaimed, untilFree } from '../attempt-life.ts'
import type { Engine, Launch, Observation, RankProcess, Signal } from '../engine.ts'
import { attemptDirectoriesInUse, ranksBelow } from '../local/processes.ts'
import type { Prepare } from '../prepare/prepare.ts'
import { Containers } from './containers.ts'
import { keepEnd, readEnd } from './end-record.ts'
import { identityFor } from './identity.ts'
import { Images, type Pull } from './images.ts'
import { lendFolders } from './lend-folders.ts'
import { scratchOf } from './mounts.ts'
import { unrestricted } from './network.ts'
import { runArguments } from './run-arguments.ts'
import { findRuntime, lastLine, type Runtime } from './runtime.ts'
import type { ContainerSettings } from './settings.ts'

export type ContainerEngineOptions = {
  stateDir: string
  settings: ContainerSettings
  prepare: Prepare
  log: Pick<Logger, 'info' | 'warn'>
}

/** How long a launcher has to kill its ranks itself, which leaves a record, before its container is killed. */
const KILL_TAKES_MS = 5_000
/** Most starts are over by then; else it is asked whether there still is a container. */
const CLAIM_TAKES_MS = 1_000
/** Between the last word of a launcher and the end of its container. */
const END_TAKES_MS = 10_000

type Host = { runtime: Runtime; containers: Containers; images: Images }

/**
 * Runs attempts in containers of this machine: the launcher is the first process in one, on the same attempt directory as
 * ever. Claim and lock work through the mount, so all that must be known is in the directory, and what the runtime knows
 * besides is kept there before the container is removed.
 */
export class ContainerEngine implements Engine {
  readonly kind = 'container'
  readonly writes = 'told'
  readonly metrics: string
  readonly #stateDir: string
  readonly #settings: ContainerSettings
  readonly #prepare: Prepare
  readonly #log: ContainerEngineOptions['log']
  #found: Promise<Host> | null = null
  readonly #launching = new Map<string, Promise<void>>()
  /** Attempts whose image is being pulled. */
  readonly #queued = new Map<string, { pull: Pull; over: Promise<void> }>()
  /** Why an attempt could not be started after its image was there: told to whoever launches it next. */
  readonly #failed = new Map<string, unknown>()
  readonly #closing = new AbortController()
  readonly #finishing = new Map<string, Promise<void>>()

  constructor({ stateDir, settings, prepare, log }: ContainerEngineOptions) {
    this.#stateDir = resolve(stateDir)
    this.metrics = join(this.#stateDir, 'job-metrics')
    this.#settings = settings
    this.#prepare = prepare
    this.#log = log
  }

  /** Pulls end with it; attempts don't. */
  close(): void {
    this.#closing.abort()
  }

  directory(attempt: string): string {
    return join(this.#stateDir, 'attempts', attempt)
  }

  launch(launch: Launch): Promise<void> {
    const { attempt } = launch.job
    const underWay = this.#launching.get(attempt)
    if (underWay) return underWay
    const started = this.#launch(launch).finally(() => this.#launching.delete(attempt))
    this.#launching.set(attempt, started)
    return started
  }

  async #launch(launch: Launch): Promise<void> {
    const { attempt } = launch.job
    if (this.#queued.has(attempt) || (await readClaim(this.directory(attempt)))) return
    if (this.#failed.has(attempt)) {
      const failed = this.#failed.get(attempt)
      this.#failed.delete(attempt)
      throw failed
    }
    const host = await this.#host()
    const pull = await host.images.want(this.#settings.image)
    if (pull === null) return this.#start(host, launch)
    this.#log.info({ attempt, image: this.#settings.image }, 'pulling')
    const over = pull.done
      .then(() => this.#start(host, launch))
      .catch((error: unknown) => void this.#failed.set(attempt, error))
      .finally(() => this.#queued.delete(attempt))
    this.#queued.set(attempt, { pull, over })
  }

  async #start(host: Host, launch: Launch): Promise<void> {
    const { attempt } = launch.job
    const directory = this.directory(attempt)
    const job = await this.#prepare(launch.job)
    if (await readClaim(directory)) return // revoked meanwhile
    await writeJob(directory, job, launch.secrets)
    const identity = identityFor(host.runtime, process.getuid?.() ?? 0, process.getgid?.() ?? 0)
    await lendFolders(job, directory, identity)
    await this.#warn(directory, host.runtime, job)
    faultPoint('job-file-written')
    const name = this.#name(attempt)
    const args = runArguments({
      ...{ settings: this.#settings, runtime: host.runtime, identity, job, directory, name },
      labels: this.#labels,
      env: Object.keys(launch.env),
    })
    const { failed, stderr } = await host.containers.call(args, { env: launch.env, where: directory })
    faultPoint('launcher-asked')
    // Somebody was here before, perhaps only half: to start what runs, or has run, does nothing.
    if (failed && /already in use/.test(stderr)) await host.containers.call(['start', name], { where: directory })
    else if (failed) return this.#refused(host, launch, stderr)
    if (!(await this.#isClaimed(host, attempt))) throw await this.#launchFailed(host, attempt)
    if ((await readClaim(directory)) === 'revoked') await this.#finish(attempt) // its launcher was too late
  }

  /** What the runtime said of a container that it would not start. */
  async #refused(host: Host, launch: Launch, said: string): Promise<void> {
    const { attempt } = launch.job
    if (/no such image|image not known/i.test(said)) {
      host.images.lost(this.#settings.image)
      return this.#launch(launch)
    }
    await host.containers.remove(this.#name(attempt))
    await removeSecrets(this.directory(attempt))
    const code = /no space left|quota exceeded/i.test(said) ? 'DISK_FULL' : 'CONTAINER_REFUSED'
    throw new OrchestrateError(code, `${host.runtime.program} could not start ${attempt}: ${lastLine(said)}`)
  }

  async #isClaimed({ containers }: Host, attempt: string): Promise<boolean> {
    const directory = this.directory(attempt)
    const stop = new AbortController()
    const gone = async () => {
      await pause(CLAIM_TAKES_MS, undefined, { signal: stop.signal })
      await containers.wait(this.#name(attempt), stop.signal)
    }
    const claimed = untilClaimed(directory, stop.signal)
    await Promise.race([claimed, gone()]).finally(() => stop.abort())
    await claimed.catch(() => {})
    return (await readClaim(directory)) !== null
  }

  async #launchFailed({ containers, runtime }: Host, attempt: string): Promise<OrchestrateError> {
    const name = this.#name(attempt)
    const state = await containers.inspect(name)
    const said = await containers.logs(name)
    await appendFile(join(this.directory(attempt), 'launcher.log'), `${said}\n`)
    await containers.remove(name)
    await removeSecrets(this.directory(attempt))
    const end = state === null ? 'is gone' : `ended with ${state.ExitCode}`
    const why = lastLine(said) || state?.Error || 'it said nothing'
    return new OrchestrateError('LAUNCH_FAILED', `the launcher of ${attempt}, in ${runtime.program}, ${end}: ${why}`)
  }

  /** What this host can't restrict is said once, where people look: beside the warnings of workers. */
  async #warn(directory: string, runtime: Runtime, job: JobFile): Promise<void> {
    const lines = unrestricted(this.#settings, runtime, job).map((message) =>
      JSON.stringify({ t: Date.now(), type: 'warning', message: `pool ${this.#settings.name}: ${message}` }),
    )
    if (lines.length > 0) await appendFile(join(directory, 'events.engine.jsonl'), `${lines.join('\n')}\n`)
  }

  async observe(attempts: string[]): Promise<Map<string, Observation>> {
    const inUse = new Set(attemptDirectoriesInUse())
    return new Map(
      await Promise.all(attempts.map(async (attempt) => [attempt, await this.#look(attempt, inUse)] as const)),
    )
  }

  /** `inUse`: directories whose processes can be seen from here, which saves asking the lock. */
  async #look(attempt: string, inUse: ReadonlySet<string> = new Set()): Promise<Observation> {
    const directory = this.directory(attempt)
    try {
      const seen = await lookAt(directory, () => inUse.has(directory))
      const queued = this.#queued.get(attempt)
      if (seen.state === 'unclaimed' && queued) return { state: 'queued', why: queued.pull.told, startsAt: null }
      if (seen.state !== 'exited' || seen.exit !== null) return seen
      await this.#finish(attempt)
      return { ...seen, end: await readEnd(directory) }
    } catch (error) {
      this.#log.warn({ attempt, err: error }, 'attempt could not be observed')
      return { state: 'unknown' }
    }
  }

  async living(): Promise<Set<string>> {
    const { containers } = await this.#host()
    const names = await containers.running(this.#labels)
    return new Set(names.map((name) => name.slice(this.#name('').length)))
  }

  async signal(attempt: string, signal: Signal): Promise<void> {
    if ((await this.#look(attempt)).state !== 'running') return
    const { containers } = await this.#host()
    // A launcher that is killed can't record how its ranks ended; on SIGQUIT it kills them, and does.
    await containers.signal(this.#name(attempt), signal === 'SIGKILL' ? 'SIGQUIT' : signal)
    if (signal === 'SIGKILL') setTimeout(() => void this.#kill(attempt), KILL_TAKES_MS).unref()
  }

  async #kill(attempt: string): Promise<void> {
    try {
      if ((await this.#look(attempt)).state !== 'running') return
      const { containers } = await this.#host()
      await containers.signal(this.#name(attempt), 'SIGKILL')
    } catch (error) {
      this.#log.warn({ attempt, err: error }, 'attempt could not be killed')
    }
  }

  async processes(attempt: string): Promise<RankProcess[] | null> {
    const { containers } = await this.#host()
    const state = await containers.inspect(this.#name(attempt))
    return state?.Running && state.Pid > 0 ? ranksBelow(state.Pid) : null
  }

  async revoke(attempt: string): Promise<'revoked' | 'running' | 'exited'> {
    return revokeAttempt(this.directory(attempt), () => this.#look(attempt))
  }

  /** Only an image that has to be pulled first is waited for. */
  async started(attempt: string, signal: AbortSignal): Promise<void> {
    const queued = this.#queued.get(attempt)
    if (queued === undefined) return signal.throwIfAborted()
    await unlessAborted(Promise.race([queued.over, untilClaimed(this.directory(attempt), signal)]), signal)
  }

  /** An attempt that nobody has claimed yet is waited for; one that was revoked, or forgotten, is over. */
  async ended(attempt: string, signal: AbortSignal): Promise<void> {
    const directory = this.directory(attempt)
    await untilClaimed(directory, signal)
    const claim = await readClaim(directory)
    if (claim === null || claim === 'revoked') return
    await untilFree(directory, signal)
    await this.#finish(attempt).catch((error: unknown) =>
      this.#log.warn({ attempt, err: error }, 'its container is left'),
    )
  }

  async forget(attempt: string): Promise<void> {
    const { state } = await this.#look(attempt)
    if (state === 'running' || state === 'unknown' || state === 'queued')
      throw new Error(`${attempt} is ${state}: can't be forgotten`)
    if (state !== 'unclaimed') await this.#finish(attempt)
    await rm(this.directory(attempt), { recursive: true, force: true })
  }

  /** Keeps what the runtime knows of an attempt that is over, and removes all else that it has left on the host. */
  #finish(attempt: string): Promise<void> {
    const underWay = this.#finishing.get(attempt)
    if (underWay) return underWay
    const finished = this.#clear(attempt).finally(() => this.#finishing.delete(attempt))
    this.#finishing.set(attempt, finished)
    return finished
  }

  async #clear(attempt: string): Promise<void> {
    const { containers } = await this.#host()
    const directory = this.directory(attempt)
    const name = this.#name(attempt)
    const started = (await readClaim(directory)) !== 'revoked'
    if (started && (await readExit(directory)) === null) await this.#keepEnd(containers, attempt)
    await containers.remove(name)
    await rm(scratchOf(directory), { recursive: true, force: true })
    await removeSecrets(directory)
  }

  async #keepEnd(containers: Containers, attempt: string): Promise<void> {
    const name = this.#name(attempt)
    const directory = this.directory(attempt)
    const first = await containers.inspect(name)
    // Whoever holds the runtime's end of it may not have heard yet.
    if (first?.Running) await containers.wait(name, AbortSignal.timeout(END_TAKES_MS))
    const state = first?.Running ? await containers.inspect(name) : first
    if (state === null) return
    await keepEnd(directory, state)
    await appendFile(join(directory, 'launcher.log'), await containers.logs(name))
  }

  #host(): Promise<Host> {
    this.#found ??= findRuntime(this.#settings.runtime, this.#settings.options).then(
      (runtime) => ({
        runtime,
        containers: new Containers(runtime),
        images: new Images(runtime, this.#closing.signal),
      }),
      (error: unknown) => {
        this.#found = null // it may be installed, or started, by the next time
        throw error
      },
    )
    return this.#found
  }

  get #labels(): Record<string, string> {
    return { 'orchestrate.state': this.#stateDir, 'orchestrate.pool': this.#settings.name }
  }

  /** Attempts are named by their store, of which one machine may have several. */
  #name(attempt: string): string {
    return `orchestrate-${createHash('sha256').update(this.#stateDir).digest('hex').slice(0, 8)}-${attempt}`
  }
}
