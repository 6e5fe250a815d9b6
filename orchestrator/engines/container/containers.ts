import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import { type Runtime, run } from './runtime.ts'

/** What the runtime knows of a container, of both runtimes in the same words. */
const State = z.object({
  /** created, running, exited, dead, …; their lists differ. */
  Status: z.string(),
  Running: z.boolean(),
  OOMKilled: z.boolean(),
  /** Of its first process, as this machine counts; 0 when it has ended. */
  Pid: z.int(),
  ExitCode: z.int(),
  Error: z.string(),
})
export type ContainerState = z.infer<typeof State>

const REMOVE_TRIES = 6
const REMOVE_PAUSE_MS = 100

/** Containers of one runtime, by name. */
export class Containers {
  readonly #runtime: Runtime

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** `where`: folder that the runtime is called in; podman's monitor leaves a note there of who ran out of memory. */
  call(args: string[], { env = {}, where = '/' }: { env?: Record<string, string>; where?: string } = {}) {
    const { program, options } = this.#runtime
    return run(program, [...options, ...args], { env, cwd: where })
  }

  /** Null when there is none of that name. */
  async inspect(name: string): Promise<ContainerState | null> {
    const { failed, stdout, stderr } = await this.call(['container', 'inspect', '--format', '{{json .State}}', name])
    if (!failed) return State.parse(JSON.parse(stdout))
    if (/no such container/i.test(stderr)) return null
    throw new Error(`${this.#runtime.program} could not inspect ${name}: ${stderr.trim()}`)
  }

  /** Names of the containers that run and have all of the labels. */
  async running(labels: Record<string, string>): Promise<string[]> {
    const filters = Object.entries(labels).map(([label, value]) => `--filter=label=${label}=${value}`)
    const { failed, stdout, stderr } = await this.call(['ps', ...filters, '--format={{.Names}}'])
    if (failed) throw new Error(`${this.#runtime.program} could not list containers: ${stderr.trim()}`)
    return stdout.split('\n').filter(Boolean)
  }

  /** To its first process. One that has ended is left alone. */
  async signal(name: string, signal: string): Promise<void> {
    const { failed, stderr } = await this.call(['kill', `--signal=${signal}`, name])
    if (failed && !/no such container|not running|can only kill running/i.test(stderr))
      throw new Error(`${this.#runtime.program} could not send ${signal} to ${name}: ${stderr.trim()}`)
  }

  /** What the launcher had to say on its own standard error: nothing, unless something is wrong with it. */
  async logs(name: string): Promise<string> {
    const { stdout, stderr } = await this.call(['logs', '--tail', '50', name])
    return `${stdout}${stderr}`
      .split('\n')
      .filter((line) => line && line !== 'claimed' && line !== 'taken')
      .join('\n')
  }

  /** Resolves when it has ended, or is gone. */
  async wait(name: string, signal: AbortSignal): Promise<void> {
    const { program, options } = this.#runtime
    await run(program, [...options, 'wait', name], { timeout: 0, cancelSignal: signal })
  }

  /** One that ends just then can't be removed for a moment: podman finds it running, and nobody there to be killed. */
  async remove(name: string): Promise<void> {
    // Podman would ask it to stop first, and wait.
    const now = this.#runtime.program === 'podman' ? ['--time=0'] : []
    for (let tries = 1; ; tries++) {
      const { failed, stderr } = await this.call(['rm', '--force', '--volumes', ...now, name])
      if (!failed || /no such container/i.test(stderr)) return
      if (tries === REMOVE_TRIES) throw new Error(`${this.#runtime.program} could not remove ${name}: ${stderr.trim()}`)
      await pause(REMOVE_PAUSE_MS * tries)
    }
  }
}
