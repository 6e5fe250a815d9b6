import { AbsentEngine } from '../../engines/absent.ts'
import type { Engine } from '../../engines/engine.ts'
import type { OpenPool } from './open-pool.ts'

/** All pools of a daemon, by name. One that jobs of before name, and that is no longer there, is told nothing and says nothing. */
export class Pools {
  readonly #open: ReadonlyMap<string, OpenPool>
  readonly #absent = new Map<string, OpenPool>()
  readonly #stateDir: string

  constructor(open: readonly OpenPool[], stateDir: string) {
    this.#open = new Map(open.map((one) => [one.pool.name, one]))
    this.#stateDir = stateDir
  }

  get names(): string[] {
    return [...this.#open.keys()]
  }

  get list(): OpenPool[] {
    return [...this.#open.values()]
  }

  has(name: string): boolean {
    return this.#open.has(name)
  }

  of(name: string): OpenPool {
    const known = this.#open.get(name) ?? this.#absent.get(name)
    if (known) return known
    const absent: OpenPool = {
      pool: { name, engine: 'local' },
      engine: new AbsentEngine(name, this.#stateDir),
      capacity: name,
      need: ({ cores, gpus }) => ({ cores, gpus }),
      refuse: () => [`no pool '${name}'; there ${are(this.names)}`],
      hosts: () => new Map(),
      counts: 'cores',
      close: () => {},
    }
    this.#absent.set(name, absent)
    return absent
  }

  engine(name: string): Engine {
    return this.of(name).engine
  }

  /** Pools whose capacity is counted together, by its name. */
  byCapacity(): Map<string, OpenPool[]> {
    return Map.groupBy(this.#open.values(), ({ capacity }) => capacity)
  }
}

const are = (names: string[]): string =>
  `${names.length === 1 ? 'is' : 'are'} ${names.map((name) => `'${name}'`).join(', ')}`
