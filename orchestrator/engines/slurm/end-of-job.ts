import type { EngineEnd } from '../../protocol/engine-end.ts'
import { meaningOf } from './job-states.ts'
import { hostNames, type QueuedJob } from './read-queue.ts'

export type EndedJob = Pick<QueuedJob, 'id' | 'state' | 'reason' | 'nodes'>

/**
 * Slurm's word on a job that is over; null where it has nothing to add to what the batch step recorded.
 * `claimed`: its batch step got so far; `recorded`: it also left an end.
 */
export function endOfJob(
  job: EndedJob,
  { claimed, recorded }: { claimed: boolean; recorded: boolean },
): EngineEnd | null {
  const meaning = meaningOf(job.state)
  if (meaning?.phase !== 'over') return null
  if (meaning.end !== null) return word(job, meaning.end, meaning.message)
  // A batch step that is killed may leave JobLaunchFailure behind although it ran: its record tells more.
  return recorded ? null : (fromReason(job) ?? (claimed ? null : neverClaimed(job)))
}

function fromReason(job: EndedJob): EngineEnd | null {
  const [name = ''] = job.reason.split(/[:,(]/)
  switch (name.trim()) {
    case 'JobLaunchFailure':
    case 'SystemFailure':
    case 'NodeDown':
      return word(job, 'nodeLost', `could not be launched on its nodes (${job.reason})`)
    case 'BadConstraints':
      return word(job, 'refused', 'asks for what no node of the cluster has (BadConstraints)')
    case 'TimeLimit':
      return word(job, 'time', 'ran into its time limit in Slurm')
    case 'OutOfMemory':
      return word(job, 'memory', 'was killed by Slurm for using more memory than it had asked for')
    default:
      return null
  }
}

/** Signal 53 isn't one: it is how Slurm says that it couldn't open the file for what the batch step prints. */
const neverClaimed = (job: EndedJob): EngineEnd =>
  /^RaisedSignal:53\b/.test(job.reason)
    ? word(
        job,
        'refused',
        "could not be started: its node can't write to `directory` of the pool, which all have to share",
      )
    : word(job, 'refused', `ended before its launcher had begun (${job.reason}): see launcher.log in its directory`)

function word({ id, nodes }: EndedJob, kind: EngineEnd['kind'], message: string): EngineEnd {
  const names = hostNames(nodes)
  const blamed = kind === 'nodeLost' && names.length === 1
  return { kind, message: `${message} (Slurm job ${id}${nodes ? ` on ${nodes}` : ''})`, nodes: blamed ? names : [] }
}

/** From the lines of `sinfo -o '%N|%T'`, the nodes that can't be trusted: down, drained, failing, or silent (`*`). */
export function badNodes(listing: string): string[] {
  return listing.split('\n').flatMap((line) => {
    const [name = '', state = ''] = line.trim().split('|')
    return name && /down|drain|fail|error|unknown|reboot|no_respond|\*$/i.test(state) ? [name] : []
  })
}
