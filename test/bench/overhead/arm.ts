import { readFileSync, watch } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { sendSignal } from '../../../orchestrator/engines/local/processes.ts'
import { processorTime } from '../processor-time.ts'

const Hello = z.object({ type: z.literal('hello'), pid: z.int() })
const Progress = z.object({ type: z.literal('progress'), t: z.number(), step: z.number() })
const Failed = z.object({ type: z.literal('failed'), message: z.string() })

export type Point = { /** Unix milliseconds. */ t: number; step: number }

/** A training that can be halted between its steps, with everything that it needs, so that another has the machine. */
export class Arm {
  readonly #directory: string
  readonly #ranks: number
  /** Processes besides the ranks that serve this training alone. */
  readonly #around: readonly number[]

  constructor(directory: string, ranks: number, around: readonly number[]) {
    this.#directory = directory
    this.#ranks = ranks
    this.#around = around
  }

  /** Lets it run until it has told of a step as asked for, and returns all that it has told so far. */
  async until(wanted: (points: Point[]) => boolean): Promise<Point[]> {
    for await (const points of this.#progress()) if (wanted(points)) return points
    throw new Error('never here')
  }

  halt(): void {
    this.#send('SIGSTOP', [...this.#around, ...this.pids()])
  }

  goOn(): void {
    this.#send('SIGCONT', [...this.pids(), ...this.#around.toReversed()])
  }

  /** Milliseconds of processor time that what is around the ranks has taken so far. */
  spentAround(): number {
    return this.#around.map(processorTime).reduce((sum, ms) => sum + ms, 0)
  }

  /** Of the ranks that have said hello. */
  pids(): number[] {
    return Array.from({ length: this.#ranks }, (_, rank) =>
      this.#lines(rank).flatMap((line) => Hello.safeParse(line).data?.pid ?? []),
    ).flat()
  }

  #send(signal: NodeJS.Signals, pids: number[]): void {
    for (const pid of pids) sendSignal(pid, signal)
  }

  async *#progress(): AsyncGenerator<Point[]> {
    let tell = (): void => {}
    const watcher = watch(this.#directory, () => tell())
    try {
      for (;;) {
        const changed = new Promise<void>((resolve) => {
          tell = resolve
        })
        const lines = this.#lines(0)
        const failed = lines.map((line) => Failed.safeParse(line).data).find((event) => event !== undefined)
        if (failed) throw new Error(`the training failed: ${failed.message}`)
        yield lines.flatMap((line) => Progress.safeParse(line).data ?? [])
        await changed
      }
    } finally {
      watcher.close()
    }
  }

  #lines(rank: number): unknown[] {
    let text = ''
    try {
      text = readFileSync(join(this.#directory, `events.${rank}.jsonl`), 'utf8')
    } catch {} // it has said nothing yet
    return text
      .split('\n')
      .slice(0, -1)
      .map((line): unknown => JSON.parse(line))
  }
}
