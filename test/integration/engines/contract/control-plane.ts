import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import type { Engine, Launch } from '../../../../orchestrator/engines/engine.ts'

// A control plane that launches what it is told and then stays, until somebody kills it.
const { options, launch } = JSON.parse(await text(process.stdin)) as { options: object; launch: Launch }
const module = (await import(pathToFileURL(process.argv[2] ?? '').href)) as { makeEngine(options: object): Engine }
await module.makeEngine(options).launch(launch)
process.stdout.write('launched\n')
setInterval(() => {}, 60_000)
