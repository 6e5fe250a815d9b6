import type { PoolOf } from '../../spec/pools/pool.ts'
import { parseSize } from '../../spec/units.ts'
import type { Program } from './runtime.ts'

/** A container pool with everything that it leaves out filled in. */
export type ContainerSettings = {
  name: string
  image: string
  /** Null: whichever works. */
  runtime: Program | null
  /** Of the runtime, before its command; and of `run`. */
  options: string[]
  run: string[]
  network: 'store' | 'host' | 'none'
  /** Null: as the runtime does it best. */
  gpus: 'cdi' | 'gpus' | null
  mounts: string[]
  /** Bytes of shared memory. */
  shm: number
  pids: number
  python: string
}

export const containerSettings = (pool: PoolOf<'container'>): ContainerSettings => ({
  name: pool.name,
  image: pool.image,
  runtime: pool.runtime ?? null,
  options: pool.options ?? [],
  run: pool.run ?? [],
  network: pool.network ?? 'store',
  gpus: pool.gpus ?? null,
  mounts: pool.mounts ?? [],
  shm: parseSize(pool.shm ?? '8GiB') ?? 0,
  pids: pool.pids ?? 4096,
  python: pool.python ?? 'python3',
})
