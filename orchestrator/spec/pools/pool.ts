import type { PoolText } from './shape.ts'

/** A named place with capacity. Times in seconds and sizes in bytes are read by the engine's own settings. */
export type Pool = { name: string } & ({ engine: 'local' } | PoolText)
export type PoolOf<Engine extends Pool['engine']> = Extract<Pool, { engine: Engine }>

export const localPool: PoolOf<'local'> = { name: 'local', engine: 'local' }
