import { connect, type Socket } from 'node:net'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { readExit, writeJob } from '../../../../orchestrator/engines/attempt-directory.ts'
import type { Engine, Launch, Observation, RankProcess, Signal } from '../../../../orchestrator/engines/engine.ts'
import type { Prepare } from '../../../../orchestrator/engines/prepare/prepare.ts'
import type { EngineEnd } from '../../../../orchestrator/protocol/engine-end.ts'
import type { Answer, Question, State } from './protocol.ts'

type Asked = Question extends infer Q ? (Q extends { id: number } ? Omit<Q, 'id'> : never) : never

/** An engine whose attempts only pretend to run, in one other process. All the rest of a daemon is as it always is. */
export class PretendingEngine implements Engine {
  readonly kind = 'local'
  readonly writes = 'told'
  readonly metrics: string
  readonly #attempts: string
  readonly #socket: Socket
  readonly #prepare: Prepare
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #last = 0

  constructor(stateDir: string, socket: string, prepare: Prepare) {
    this.metrics = join(stateDir, 'metrics')
    this.#prepare = prepare
    this.#attempts = resolve(stateDir, 'attempts')
    this.#socket = connect(socket)
    createInterface({ input: this.#socket }).on('line', (line) => {
      const answer: Answer = JSON.parse(line)
      this.#waiting.get(answer.id)?.(answer)
      this.#waiting.delete(answer.id)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  directory(attempt: string): string {
    return join(this.#attempts, attempt)
  }

  async launch(launch: Launch): Promise<void> {
    const { attempt, job, shard, outputs } = launch.job
    const directory = this.directory(attempt)
    await writeJob(directory, await this.#prepare(launch.job), launch.secrets)
    await this.#ask({ ask: 'start', directory, attempt, job, shard, outputs })
  }

  async observe(attempts: string[]): Promise<Map<string, Observation>> {
    const { states = {} } = await this.#ask({ ask: 'look', attempts })
    const seen = attempts.map(async (attempt) => [attempt, await this.#observation(attempt, states[attempt])] as const)
    return new Map(await Promise.all(seen))
  }

  async #observation(attempt: string, state: State = 'unclaimed'): Promise<Observation> {
    if (state !== 'over') return { state }
    const exit = await readExit(this.directory(attempt))
    const end: EngineEnd = { kind: 'nodeLost', message: 'was lost with its node', nodes: [] }
    return { state: 'exited', exit, end: exit === null ? end : null }
  }

  async living(): Promise<Set<string>> {
    return new Set((await this.#ask({ ask: 'living' })).names)
  }

  async signal(attempt: string, signal: Signal): Promise<void> {
    await this.#ask({ ask: 'signal', attempt, signal })
  }

  async processes(): Promise<RankProcess[] | null> {
    return null
  }

  async revoke(attempt: string): Promise<'revoked' | 'running' | 'exited'> {
    const { states = {} } = await this.#ask({ ask: 'revoke', attempt })
    const state = states[attempt]
    return state === 'over' ? 'exited' : state === 'running' ? 'running' : 'revoked'
  }

  async started(): Promise<void> {}

  async ended(attempt: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const aborted = Promise.withResolvers<never>()
    const abort = (): void => aborted.reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    await Promise.race([this.#ask({ ask: 'end', attempt }), aborted.promise]).finally(() =>
      signal.removeEventListener('abort', abort),
    )
  }

  async forget(): Promise<void> {}

  #ask(question: Asked): Promise<Answer> {
    const id = ++this.#last
    return new Promise((answered) => {
      this.#waiting.set(id, answered)
      this.#socket.write(`${JSON.stringify({ ...question, id })}\n`)
    })
  }
}
