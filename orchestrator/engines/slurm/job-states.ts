import type { EngineEnd } from '../../protocol/engine-end.ts'

/**
 * What a state of Slurm means for an attempt.
 * - queued: nothing of it runs, and it can still be revoked
 * - running: it may run, or its nodes are still being tidied up after it
 * - over: nothing of it runs any more; `end` where the state alone says why
 * - elsewhere: another cluster of a federation has it, and only its exit files can tell
 */
export type StateMeaning =
  | { phase: 'queued' | 'running' | 'elsewhere' }
  | { phase: 'over'; end: EngineEnd['kind'] | null; message: string }

const queued: StateMeaning = { phase: 'queued' }
const running: StateMeaning = { phase: 'running' }
const over = (end: EngineEnd['kind'] | null, message: string): StateMeaning => ({ phase: 'over', end, message })

/** JOB STATE CODES of squeue(1), and the flags that newer versions show in their place, until 25.11. */
const states = {
  BOOT_FAIL: over('nodeLost', 'was given nodes that could not be booted'),
  CANCELLED: over('cancelled', 'was cancelled in Slurm'),
  COMPLETED: over(null, 'ended'),
  CONFIGURING: queued,
  COMPLETING: running,
  DEADLINE: over('refused', 'ran into the deadline that Slurm was given for it'),
  EXPEDITING: running,
  FAILED: over(null, 'failed in Slurm'),
  LAUNCH_FAILED: over('nodeLost', 'could not be launched by Slurm'),
  NODE_FAIL: over('nodeLost', 'lost a node'),
  OUT_OF_MEMORY: over('memory', 'was killed by Slurm for using more memory than it had asked for'),
  PENDING: queued,
  POWER_UP_NODE: queued,
  PREEMPTED: over('preempted', 'was preempted by Slurm'),
  RECONFIG_FAIL: queued,
  REQUEUED: queued,
  REQUEUE_FED: queued,
  REQUEUE_HOLD: queued,
  RESIZING: running,
  RESV_DEL_HOLD: queued,
  REVOKED: { phase: 'elsewhere' },
  RUNNING: running,
  SIGNALING: running,
  SPECIAL_EXIT: queued,
  STAGE_OUT: running,
  STOPPED: running,
  SUSPENDED: running,
  TIMEOUT: over('time', 'ran into its time limit in Slurm'),
  UPDATE_DB: running,
} as const satisfies Record<string, StateMeaning>

export type JobState = keyof typeof states

/** Null for a state that isn't known here: whoever asks then knows nothing, and least of all that the job is over. */
export const meaningOf = (state: string): StateMeaning | null =>
  Object.hasOwn(states, state) ? states[state as JobState] : null

/** Of sacct's `CANCELLED by 1000` and of several states with commas between them, the one that says most. */
export function readState(text: string): string {
  const [first = ''] = text.trim().split(' ')
  const words = first.split(/[,+]/).filter(Boolean)
  // A base state with flags: FAILED,COMPLETING isn't over yet, PENDING,REQUEUE_HOLD is queued either way.
  return words.find((word) => meaningOf(word)?.phase === 'running') ?? words[0] ?? ''
}
