import { faults } from './faults.ts'

export type Results = {
  machine: string
  /** The command that repeats it. */
  command: string
  rows: readonly (readonly string[])[]
  /** What else is to be said, a sentence each. */
  remarks: readonly string[]
}

/** The page that is kept of a run of the suite. */
export function resultsPage({ machine, command, rows, remarks }: Results): string {
  const [head = [], ...rest] = rows
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const known = rest.flatMap(([name = '']) => (faults[name] ? [`- \`${name}\`: ${faults[name].fault.about}`] : []))
  return `# Faults, and what became of them

Written by \`${command}\`, on ${machine}.

${[line(head), line(head.map((_, index) => (index === 0 ? ':--' : '--:'))), ...rest.map(line)].join('\n')}

${remarks.map((remark) => `${remark}\n`).join('')}
- times: faults done for real, one after the other in a world of daemon, Redis, store and workers; worlds side by side
- survived: there was a new step afterwards, no invariant was hurt, and in the end every run of that world had the bits of one
  that nobody disturbed, its events without a gap, no process and no reservation left
- lost: steps that were done again because no checkpoint had them; these workers save every 5 steps of 25 ms
- duplicated: steps that were done again though a sound checkpoint had them, or by two attempts at the same time
- torn: resumes from a state that the training never had, and checkpoints found broken that nobody had broken
- meanwhile: steps that workers did between the fault and the recovery from it
- median, p99: from the fault to the first new step, in seconds: of the worker that it met, or, where it met the control plane,
  Redis, a disk or the store, of a job that is submitted then. Where a fault lasts, its time is part of that

${known.join('\n')}
`
}
