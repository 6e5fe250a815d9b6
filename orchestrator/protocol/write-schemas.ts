import { mkdirSync, writeFileSync } from 'node:fs'
import { protocolSchemas } from './schemas.ts'

/** Run after a change to the protocol: `node orchestrator/protocol/write-schemas.ts`. */
const folder = new URL('schema/', import.meta.url)
mkdirSync(folder, { recursive: true })
for (const [name, schema] of Object.entries(protocolSchemas()))
  writeFileSync(new URL(name, folder), `${JSON.stringify(schema, null, 2)}\n`)
