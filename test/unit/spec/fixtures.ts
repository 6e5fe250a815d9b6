import { WorkerDescription } from '../../../orchestrator/protocol/worker-description.ts'
import { type PipelineSource, parsePipeline } from '../../../orchestrator/spec/parse-pipeline.ts'
import type { Pipeline } from '../../../orchestrator/spec/pipeline.ts'
import { showPlace } from '../../../orchestrator/spec/problems.ts'

const config = (properties: Record<string, unknown>, required: string[] = []) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
})
const count = (value: number) => ({ type: 'integer', minimum: 1, default: value })

/** A worker that makes bread: nothing in the control plane knows robots. */
export const worker = WorkerDescription.parse({
  protocol: 1,
  name: 'bakery',
  command: ['python', '-m', 'bakery'],
  entries: {
    mill: {
      config: config({ grains: { type: 'array', items: { type: 'string' }, minItems: 1 }, grams: count(500) }, [
        'grains',
      ]),
      outputs: { flour: { format: 'powder' }, bran: {} },
    },
    bake: {
      config: config({
        minutes: count(40),
        heat: { type: 'number', exclusiveMinimum: 0, maximum: 300, default: 220 },
        crust: { enum: ['soft', 'hard'], default: 'hard' },
        salted: { type: 'boolean', default: true },
        seed: { type: 'integer', default: 0 },
        glaze: { anyOf: [{ type: 'string' }, { type: 'null' }], default: null },
        oven: { type: 'object', properties: { fan: { type: 'boolean', default: false } }, additionalProperties: false },
      }),
      inputs: { flour: { format: 'powder' }, seeds: { required: false, streams: true, several: true } },
      outputs: { bread: { format: 'loaf' } },
      distributed: true,
    },
    taste: {
      config: config({ tasters: count(5) }),
      inputs: { bread: { format: 'loaf' } },
      outputs: { scores: {} },
      shardable: true,
    },
  },
})

export const text = `name: breakfast
worker: ../bakery
stages:
  flour: { entry: mill, with: { grains: [rye] } }
  nuts: { entry: mill, with: { grains: [hazel] } }
  bread:
    entry: bake
    inputs: { flour: flour.flour, seeds: nuts.bran }
    with: { minutes: 50 }
    resources: { ranks: 2 }
  scores:
    entry: taste
    inputs: { bread: bread.bread }
matrix:
  recipe:
    plain: {}
    bare: { bread.inputs.seeds: null, bread.with.salted: false }
`

export const source = (given: Partial<PipelineSource> = {}): PipelineSource => ({
  file: 'jobs/a.yaml',
  text,
  bases: [],
  folder: '/home/me/jobs',
  worker,
  workerFolder: '/home/me/bakery',
  set: [],
  only: [],
  env: {},
  ...given,
})

/** The lines that a user sees; empty where nothing is wrong. */
export function complaints(given: Partial<PipelineSource>): string[] {
  const result = parsePipeline(source(given))
  return 'problems' in result ? result.problems.map((problem) => `${showPlace(problem)} ${problem.message}`) : []
}

export function parsed(given: Partial<PipelineSource> = {}): Pipeline {
  const result = parsePipeline(source(given))
  if ('problems' in result) throw new Error(JSON.stringify(result.problems, null, 1))
  return result.pipeline
}

/** The file with one thing changed; the thing must be there. */
export function changed(...changes: [from: string, to: string][]): string {
  return changes.reduce((before, [from, to]) => {
    if (!before.includes(from)) throw new Error(`not in the file: ${from}`)
    return before.replace(from, () => to)
  }, text)
}
