import { writeFileSync } from 'node:fs'
import { poolsJsonSchema } from './pools/shape.ts'
import { pipelineJsonSchema } from './shape.ts'

/** Run after a change to the shape of the pipeline file or of pools: `node orchestrator/spec/write-schema.ts`. */
const write = (path: string, schema: object): void =>
  writeFileSync(new URL(path, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`)
write('pipeline.schema.json', pipelineJsonSchema())
write('pools/pools.schema.json', poolsJsonSchema())
