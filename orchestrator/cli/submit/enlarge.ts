import { OrchestrateError } from '../../errors.ts'
import type { Growth } from '../../report/gates/grow.ts'
import { isSeed } from '../../spec/gates/row-name.ts'
import type { Pipeline } from '../../spec/pipeline.ts'

/** The settings (`--set`) that give a pipeline more seeds or trials; what it had stays as it was, so that the cache has it. */
export function enlarge(pipeline: Pipeline, { seeds, trials }: Growth): string[] {
  return [
    ...(seeds === null ? [] : [moreSeeds(pipeline, seeds)]),
    ...(trials === null ? [] : moreTrials(pipeline, trials)),
  ]
}

function moreSeeds({ cells, file }: Pipeline, wanted: number): string {
  const axis = Object.keys(cells[0]?.values ?? {}).find(isSeed)
  if (axis === undefined) throw cannot(file, 'it has no axis `seed: [0, 1, 2]` in its matrix that could grow')
  const values = [...new Set(cells.map(({ values }) => values[axis]))]
  const numbers = values.filter((value) => typeof value === 'number')
  if (numbers.length < values.length) throw cannot(file, `not all values of its axis '${axis}' are numbers`)
  const next = Math.max(...numbers) + 1
  const further = Array.from({ length: Math.max(0, wanted - numbers.length) }, (_, index) => next + index)
  return `matrix.${axis}=${JSON.stringify([...numbers, ...further])}`
}

/** Stages that leave records of trials say how many in a setting `trials`, or `trials_per_task`. */
function moreTrials({ cells, file }: Pipeline, { from, to }: { from: number; to: number }): string[] {
  const found = new Map<string, string>()
  for (const { name, description, config } of cells.flatMap((cell) => cell.stages)) {
    if (!Object.values(description.outputs).some(({ format }) => format === 'trials')) continue
    for (const key of ['trials', 'trials_per_task']) {
      const now = config[key]
      if (typeof now === 'number') found.set(name, `${name}.with.${key}=${Math.floor((now * to) / from)}`)
    }
  }
  if (found.size === 0)
    throw cannot(file, 'none of its stages with an output of trials has a setting `trials` or `trials_per_task`')
  return [...found.values()]
}

const cannot = (file: string, why: string) =>
  new OrchestrateError('ARGUMENT_INVALID', `--until-decided: ${file}: ${why}`)
