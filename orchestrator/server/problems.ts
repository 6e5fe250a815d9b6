import { OrchestrateError } from '../errors.ts'
import type { Problem } from '../spec/pipeline.ts'

/** The pipeline file is wrong: every problem of it, at once. */
export class ProblemsError extends OrchestrateError {
  readonly problems: Problem[]
  constructor(problems: Problem[]) {
    super(
      'SPEC_INVALID',
      `${problems.length === 1 ? '1 problem' : `${problems.length} problems`}, nothing was started.`,
    )
    this.problems = problems
  }
}
