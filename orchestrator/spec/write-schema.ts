import { writeFileSync } from 'node:fs'
import { pipelineJsonSchema } from './shape.ts'

/** Run after a change to the shape of the pipeline file: `node orchestrator/spec/write-schema.ts`. */
writeFileSync(new URL('pipeline.schema.json', import.meta.url), `${JSON.stringify(pipelineJsonSchema(), null, 2)}\n`)
