import { OrchestrateError } from '../../errors.ts'
import type { ReportInput } from '../../report/input.ts'
import { parseGate } from '../../spec/gates/parse-gate.ts'
import { named, withDefaults } from '../../spec/gates/read-gates.ts'
import { GateProblem } from '../../spec/gates/tokens.ts'

/** A report with gates that were asked for after the run, beside its own. */
export function withGates(input: ReportInput, given: readonly string[]): ReportInput {
  const further = given.map((text) => {
    try {
      return withDefaults(named(parseGate(text), input))
    } catch (error) {
      if (!(error instanceof GateProblem)) throw error
      throw new OrchestrateError('ARGUMENT_INVALID', `--gate '${text}', at character ${error.at}: ${error.message}`)
    }
  })
  return { ...input, gates: [...input.gates, ...further] }
}
