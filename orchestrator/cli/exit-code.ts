import type { GateVerdict, RunView } from '../server/api.ts'

/** 0 all done and every gate passed, 1 a job or a gate failed, 3 a gate is undecided, 130 stopped on the way. */
export function exitCodeOf(
  { state }: Pick<RunView, 'state'>,
  gates: readonly Pick<GateVerdict, 'counts'>[] = [],
): number {
  switch (state) {
    case 'succeeded':
      return exitCodeOfGates(gates)
    case 'running': // left to itself
      return 0
    case 'failed':
      return 1
    case 'cancelled':
      return 130
  }
}

export function exitCodeOfGates(gates: readonly Pick<GateVerdict, 'counts'>[]): number {
  if (gates.some(({ counts }) => counts === 'fail')) return 1
  return gates.some(({ counts }) => counts === 'undecided') ? 3 : 0
}
