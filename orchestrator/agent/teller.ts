import { type FSWatcher, watch } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import { isSpoken, isTold } from '../engines/agents/is-told.ts'
import type { Sizes } from '../engines/agents/messages.ts'
import type { RankProcess } from '../engines/engine.ts'
import type { Telling, Told } from '../ledger/agents/told.ts'
import { limits } from '../limits.ts'
import { nextPiece } from './spoken-file.ts'

/** Pictures and clips of one attempt, and how large one may be: what is more isn't shown. */
const MOST_SAMPLES = 1000
const MAX_SAMPLE = 16 << 20

type Spoken = {
  attempt: string
  directory: string
  secrets: Buffer[]
  told: Map<string, { version: string; offset: number }>
  /** Files that its events show. */
  samples: Set<string>
  /** Whether it is known how much has arrived. */
  known: boolean
  askedAt: number
  /** It is over: what is there now is all. */
  over: boolean
  /** All was told, and that this was all. */
  complete: boolean
  changed: boolean
  watcher: FSWatcher | null
}

/**
 * Tells the control plane what attempts of this host write: file by file, from where it was told last, as fast as it is
 * taken and no faster. What can't be told now stays where it is, in the attempt's directory.
 */
export class Teller {
  readonly #telling: Telling
  readonly #log: Pick<Logger, 'warn'>
  readonly #spoken = new Map<string, Spoken>()
  readonly #stop = new AbortController()
  #awake = Promise.withResolvers<void>()
  #running: Promise<void> | null = null

  constructor(telling: Telling, log: Pick<Logger, 'warn'>) {
    this.#telling = telling
    this.#log = log
  }

  start(): void {
    this.#running ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    this.#wake()
    for (const { watcher } of this.#spoken.values()) watcher?.close()
    await this.#running
  }

  /** `told`: whether some of it may have been told before, by whoever was agent here. */
  async follow(attempt: string, directory: string, secrets: Buffer[], before: 'new' | 'told'): Promise<void> {
    if (this.#spoken.has(attempt)) return
    const spoken: Spoken = {
      attempt,
      directory,
      secrets,
      told: new Map(),
      samples: new Set(),
      known: before === 'new',
      askedAt: 0,
      over: false,
      complete: false,
      changed: true,
      watcher: null,
    }
    this.#spoken.set(attempt, spoken)
    if (before === 'told') await this.#findSamples(spoken)
    try {
      spoken.watcher = watch(directory, { persistent: false }, () => {
        spoken.changed = true
        this.#wake()
      })
      spoken.watcher.on('error', () => spoken.watcher?.close())
    } catch {} // it has gone: nothing more is to be told
    this.#wake()
  }

  /** Nothing is written to it any more. */
  over(attempt: string): void {
    const spoken = this.#spoken.get(attempt)
    if (!spoken) return
    spoken.over = true
    spoken.changed = true
    this.#wake()
  }

  /** The control plane says how much it has: on from there, or once more from the beginning. */
  arrived(attempt: string, sizes: Sizes): void {
    const spoken = this.#spoken.get(attempt)
    if (!spoken) return
    spoken.told = new Map(Object.entries(sizes).map(([file, [version, offset]]) => [file, { version, offset }]))
    spoken.known = true
    spoken.complete = false
    spoken.changed = true
    this.#wake()
  }

  drop(attempt: string): void {
    this.#spoken.get(attempt)?.watcher?.close()
    this.#spoken.delete(attempt)
  }

  /** Says that an attempt's record has changed. Best effort: the control plane looks now and then itself. */
  async moved(attempt: string): Promise<void> {
    await this.#telling.tell({ kind: 'moved', attempt })
  }

  async ranks(attempt: string, ranks: RankProcess[] | null): Promise<void> {
    await this.#telling.tell({ kind: 'ranks', attempt, ranks: JSON.stringify(ranks) })
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      this.#awake = Promise.withResolvers()
      try {
        if (await this.#round()) continue
        // A busy worker writes many lines a second; they are told a few times a second.
        await Promise.race([this.#awake.promise, pause(limits.agents.askAgain, undefined, { signal, ref: false })])
        await pause(limits.agents.full, undefined, { signal })
      } catch (error) {
        if (signal.aborted) return
        this.#log.warn({ err: error }, 'what attempts say could not be told; trying again')
        await pause(limits.agents.retryFirst, undefined, { signal }).catch(() => {})
      }
    }
  }

  /** One piece of every file that has grown, so that nobody waits for the longest. True when there may be more. */
  async #round(): Promise<boolean> {
    let more = false
    for (const spoken of [...this.#spoken.values()]) {
      if (!spoken.changed && spoken.known) continue
      spoken.changed = false
      try {
        if (await this.#tell(spoken)) {
          spoken.changed = true
          more = true
        }
      } catch (error) {
        spoken.changed = true
        throw error
      }
    }
    return more
  }

  async #tell(spoken: Spoken): Promise<boolean> {
    const { attempt, over } = spoken
    if (!spoken.known) {
      if (Date.now() - spoken.askedAt < limits.agents.askAgain) return false
      if (!(await this.#say({ kind: 'ask', attempt }))) return true
      spoken.askedAt = Date.now()
      return false
    }
    if (spoken.complete) return false
    let more = false
    for (const file of await this.#files(spoken)) more = (await this.#tellFile(spoken, file)) || more
    if (more || !over) return more
    const sizes: Sizes = Object.fromEntries(
      [...spoken.told].map(([file, { version, offset }]) => [file, [version, offset]]),
    )
    if (!(await this.#say({ kind: 'complete', attempt, sizes: JSON.stringify(sizes) }))) return true
    spoken.complete = true
    return false
  }

  async #tellFile(spoken: Spoken, file: string): Promise<boolean> {
    const { attempt, directory, secrets, told, over } = spoken
    const piece = await nextPiece(join(directory, file), told.get(file), { secrets, growing: !over })
    if (!piece || (spoken.samples.has(file) && piece.size > MAX_SAMPLE)) return false
    const { version, size, offset, data } = piece
    if (!(await this.#say({ kind: 'bytes', attempt, file, version, offset, size, data }))) return true
    told.set(file, { version, offset: offset + data.length })
    if (file.startsWith('events.')) noteSamples(spoken, data.toString())
    return offset + data.length < size
  }

  /** False when there was no room; by then a while has passed. */
  async #say(told: Told): Promise<boolean> {
    if (await this.#telling.tell(told)) return true
    await pause(limits.agents.full, undefined, { signal: this.#stop.signal })
    return false
  }

  async #files({ directory, samples }: Spoken): Promise<string[]> {
    const names = await readdir(directory).catch(() => [])
    return [...names.filter(isSpoken), ...samples]
  }

  async #findSamples(spoken: Spoken): Promise<void> {
    for (const name of await this.#files(spoken))
      if (name.startsWith('events.'))
        noteSamples(spoken, await readFile(join(spoken.directory, name), 'utf8').catch(() => ''))
  }

  #wake(): void {
    this.#awake.resolve()
  }
}

function noteSamples({ samples }: Spoken, text: string): void {
  if (!text.includes('"sample"')) return
  for (const line of text.split('\n')) {
    if (!line.includes('"sample"') || samples.size >= MOST_SAMPLES) continue
    try {
      const event = JSON.parse(line) as { type?: unknown; path?: unknown }
      if (event.type === 'sample' && typeof event.path === 'string' && isTold(event.path)) samples.add(event.path)
    } catch {} // no event
  }
}
