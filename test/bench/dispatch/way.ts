import type { Task } from '../by-hand.ts'
import type { Lab } from '../lab.ts'

/** One way of having a worker run that does nothing but say so. */
export type Way = {
  name: string
  /** Milliseconds from asking for one job until its worker writes its first line. */
  first: () => Promise<number>
  /** Milliseconds from asking for so many jobs, in one go, until they are known to be over. */
  many: (jobs: number) => Promise<number>
  /** So many tell how many it does in a second: fewer where each takes long. */
  jobs: number
}

/** What every way is given, so that they do the same. */
export type Place = {
  lab: Lab
  /** How many workers may run at once, where that isn't a cluster's own business. */
  atOnce: number
  /** The worker's command, laid out in as many folders. */
  tasks: (count: number) => Promise<Task[]>
}

/** Makes ways ready for their first job, or throws why they can't be tried here. */
export type Prepare = (place: Place) => Promise<Way[]>
