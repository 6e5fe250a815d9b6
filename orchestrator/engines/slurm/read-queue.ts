import { readState } from './job-states.ts'

/** A job as squeue shows it. */
export type QueuedJob = {
  /** Its own number, also where it is the task of an array. */
  number: string
  /** What it is called by scancel and scontrol: `12`, or `12_3` for the task of an array. */
  id: string
  /** Task of an array, or null. */
  task: number | null
  state: string
  /** Actual or expected start, in Unix milliseconds. */
  startsAt: number | null
  nodes: string
  comment: string
  name: string
  reason: string
}

/** The reason comes last: it is the only field that may have any characters in it. */
export const QUEUE_FORMAT = '%A|%i|%K|%T|%S|%N|%k|%j|%r'

/** Makes squeue write times as Unix seconds, whatever the time zone of either side. */
export const QUEUE_ENVIRONMENT = { SLURM_TIME_FORMAT: '%s' }

/** Lines that can't be understood are others' jobs, with the separator in their names. */
export function readQueue(text: string): QueuedJob[] {
  return text.split('\n').flatMap((line) => {
    const [number = '', id = '', task = '', state = '', start = '', nodes = '', comment = '', name, ...reason] =
      line.split('|')
    if (!/^\d+$/.test(number) || name === undefined || reason.length === 0) return []
    return {
      number,
      id,
      task: /^\d+$/.test(task) ? Number(task) : null,
      state: readState(state),
      startsAt: /^\d+$/.test(start) ? Number(start) * 1000 : null,
      nodes: nodes === '(null)' ? '' : nodes,
      comment,
      name,
      reason: reason.join('|'),
    }
  })
}

/** Names of a host list such as `node[1-3,7],gpu-a01`; one that isn't understood stays as it is. */
export function hostNames(list: string): string[] {
  const parts = list.match(/(?:[^,[]|\[[^\]]*\])+/g) ?? []
  return parts.flatMap((part) => expand(part))
}

function expand(part: string): string[] {
  const [whole, before = '', ranges = '', after = ''] = /^([^[]*)\[([^\]]*)\](.*)$/.exec(part) ?? []
  if (whole === undefined) return [part]
  return ranges.split(',').flatMap((range) => {
    const [first = '', last = first] = range.split('-')
    const count = Number(last) - Number(first) + 1
    if (!(count >= 1 && count <= 100_000)) return [part]
    return Array.from({ length: count }, (_, i) => String(Number(first) + i).padStart(first.length, '0')).flatMap(
      (number) => expand(`${before}${number}${after}`),
    )
  })
}
