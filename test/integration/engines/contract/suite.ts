import { afterAll, beforeAll, describe } from 'vitest'
import type { Engine } from '../../../../orchestrator/engines/engine.ts'
import type { LeftOut } from '../../../support/left-out.ts'
import { Lab } from './lab.ts'
import type { Place } from './place.ts'
import { exceptions, type Property, properties } from './properties.ts'
import { adoption } from './tests/adoption.ts'
import { away } from './tests/away.ts'
import { codes } from './tests/codes.ts'
import { environment } from './tests/environment.ts'
import { forget } from './tests/forget.ts'
import { launch } from './tests/launch.ts'
import { leftovers } from './tests/leftovers.ts'
import { limits } from './tests/limits.ts'
import { logs } from './tests/logs.ts'
import { observe } from './tests/observe.ts'
import { processes } from './tests/processes.ts'
import { queued } from './tests/queued.ts'
import { revoke } from './tests/revoke.ts'
import { signals } from './tests/signals.ts'
import { started } from './tests/started.ts'
import { streams } from './tests/streams.ts'
import { worker } from './tests/worker.ts'

const tests: Record<Property, (lab: Lab) => void> = {
  launch,
  observe,
  started,
  environment,
  worker,
  streams,
  logs,
  signals,
  processes,
  codes,
  away,
  adoption,
  limits,
  revoke,
  queued,
  leftovers,
  forget,
}

/** What every engine has to do, with real processes; what it need not do is left out with the reason in its title. */
export function engineContract(
  kind: Engine['kind'],
  makePlace: () => Promise<Place>,
  { skip, title }: LeftOut = { skip: false, title: `${kind} engine` },
): void {
  describe(title, { skip }, () => {
    const lab = new Lab(makePlace)
    beforeAll(() => lab.open())
    afterAll(() => lab.close())
    for (const property of Object.keys(tests) as Property[]) {
      const exception = exceptions[kind]?.[property]
      const name = exception === undefined ? properties[property] : `${properties[property]} (no: ${exception})`
      // A place that takes a second to start something starts others meanwhile; but programs are counted in quiet.
      const options = { skip: exception !== undefined, concurrent: property !== 'observe' }
      describe(name, options, () => tests[property](lab))
    }
  })
}
