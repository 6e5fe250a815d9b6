import type { RunView } from '../server/api.ts'

/** 0 all done, 1 a job failed, 130 stopped on the way. */
export function exitCodeOf({ state }: Pick<RunView, 'state'>): number {
  switch (state) {
    case 'succeeded':
    case 'running': // left to itself
      return 0
    case 'failed':
      return 1
    case 'cancelled':
      return 130
  }
}
