import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { layOut, readJobFile } from '../by-hand.ts'
import type { Lab } from '../lab.ts'
import { runJobs } from './orchestrated.ts'
import type { Place, Prepare, Way } from './way.ts'

/** The worker that all run is the one of a job that the lab's daemon has run: its code, its command, its job.json. */
export async function makePlace(lab: Lab): Promise<Place> {
  const job = await readJobFile((await runJobs(lab, 'local', 1)).directory)
  let number = 0
  return {
    lab,
    atOnce: Number(process.env.ORCHESTRATE_CORES) || availableParallelism(),
    tasks: (count) =>
      Promise.all(Array.from({ length: count }, () => layOut(job, join(lab.folder, 'tasks', String(number++))))),
  }
}

/** What can't be tried here is said, and left out. */
export async function makeReady(place: Place, wanted: Record<string, Prepare>): Promise<Way[]> {
  const ways: Way[] = []
  for (const [name, prepare] of Object.entries(wanted)) {
    try {
      ways.push(...(await prepare(place)))
    } catch (error) {
      console.log(`without ${name}: ${(error as Error).message}`)
    }
  }
  return ways
}
