import type { Launch } from '../../../orchestrator/engines/engine.ts'
import { LocalEngine } from '../../../orchestrator/engines/local/local.ts'
import { prepared } from '../../../orchestrator/engines/prepare/prepare.ts'

// A control plane that launches what it is told and then stays, until somebody kills it.
const [stateDir = '', python = '', launch = ''] = process.argv.slice(2)
const engine = new LocalEngine({ stateDir, python, prepare: prepared, log: { warn: console.error } })
await engine.launch(JSON.parse(launch) as Launch)
console.log('launched')
setInterval(() => {}, 60_000)
