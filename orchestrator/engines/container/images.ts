import { execa } from 'execa'
import { OrchestrateError } from '../../errors.ts'
import { lastLine, type Runtime, run } from './runtime.ts'

/** A pull under way: what to tell who waits, and its end. */
export type Pull = { told: string; done: Promise<void> }

/** Sees to it that an image is on this host; however many attempts want it, it is pulled once. */
export class Images {
  readonly #runtime: Runtime
  readonly #stop: AbortSignal
  readonly #there = new Set<string>()
  readonly #pulls = new Map<string, Pull>()

  /** `stop` ends what is being pulled. */
  constructor(runtime: Runtime, stop: AbortSignal) {
    this.#runtime = runtime
    this.#stop = stop
  }

  /** Null when the image is there. Throws IMAGE_MISSING for one that no registry is named for. */
  async want(image: string): Promise<Pull | null> {
    if (this.#there.has(image)) return null
    const underWay = this.#pulls.get(image)
    if (underWay) return underWay
    const { program, options } = this.#runtime
    const { failed } = await run(program, [...options, 'image', 'inspect', '--format', '{{.Id}}', image])
    if (!failed) {
      this.#there.add(image)
      return null
    }
    if (!image.includes('@') || image.startsWith('localhost/'))
      throw new OrchestrateError('IMAGE_MISSING', `image ${image} is not on this machine, and in no registry`)
    return this.#pulls.get(image) ?? this.#pull(image)
  }

  /** Somebody has removed it: it is looked for again. */
  lost(image: string): void {
    this.#there.delete(image)
  }

  #pull(image: string): Pull {
    const pull: Pull = { told: `pulling ${image}`, done: Promise.resolve() }
    this.#pulls.set(image, pull)
    pull.done = this.#follow(image, pull).finally(() => this.#pulls.delete(image))
    pull.done.catch(() => {}) // told to whoever launches next
    return pull
  }

  async #follow(image: string, pull: Pull): Promise<void> {
    const { program, options } = this.#runtime
    const child = execa(program, [...options, 'pull', image], {
      reject: false,
      all: true,
      buffer: false,
      stdin: 'ignore',
      cancelSignal: this.#stop,
    })
    const layers = new Layers()
    let last = ''
    for await (const line of child.iterable({ from: 'all' })) {
      if (line.trim()) last = line
      layers.take(line)
      pull.told = `pulling ${image}${layers.told()}`
    }
    const { failed } = await child
    if (failed) throw new OrchestrateError('IMAGE_NOT_PULLED', `${program} could not pull ${image}: ${lastLine(last)}`)
    this.#there.add(image)
  }
}

/** Counts layers in what `pull` says: Docker tells each one's end, `1a2b3c: Pull complete`; podman only its start. */
export class Layers {
  readonly #begun = new Set<string>()
  readonly #done = new Set<string>()
  #ends = false

  take(line: string): void {
    const [, podman, docker, what = ''] =
      /^Copying blob (?:sha256:)?([0-9a-f]{12})|^([0-9a-f]{12}): (.*)/.exec(line) ?? []
    const layer = podman ?? docker
    if (layer === undefined) return
    this.#begun.add(layer)
    this.#ends ||= docker !== undefined
    if (/^(Pull complete|Already exists)/.test(what)) this.#done.add(layer)
  }

  told(): string {
    if (this.#begun.size === 0) return ''
    return this.#ends ? `: ${this.#done.size} of ${this.#begun.size} layers` : `: ${this.#begun.size} layers begun`
  }
}
