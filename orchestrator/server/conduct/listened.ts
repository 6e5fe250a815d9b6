import { noSilence, type Silence } from '../../run/hang.ts'
import type { Waiting } from './context.ts'

/** A running attempt that is listened to. Kept in memory: after a restart its silence counts from 0. */
export type Listened = {
  job: string
  shard: number
  fence: number
  attempt: string
  silence: Silence
  /** Awake milliseconds since it was asked to stop. */
  stopping: number
  /** Bytes that it had printed when it was last looked at for that. */
  printed: number
  /** It is silent for too long, and its ranks have been asked where they are. */
  suspicion: (Waiting & { sizes: number[]; waited: number }) | null
}

export const listened = (job: string, shard: number, fence: number, attempt: string): Listened => ({
  job,
  shard,
  fence,
  attempt,
  silence: noSilence,
  stopping: 0,
  printed: 0,
  suspicion: null,
})
