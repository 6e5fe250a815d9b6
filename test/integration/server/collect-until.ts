import { Collector } from '../../../orchestrator/server/gc/collector.ts'
import { openStore } from '../../../orchestrator/store/open-store.ts'
import { atOnce, idleNeeds, toolsFor } from './store-lab.ts'

/*
 * A collector's process: `node collect-until.ts <store> <endpoint or ''> <n>`. It makes passes until nothing is left to do,
 * and is killed where it stands when it has changed the store for the n-th time.
 */
const [url = '', endpoint = '', deadly = ''] = process.argv.slice(2)
const store = await openStore({ url, ...(endpoint ? { endpoint } : {}) })
let left = Number(deadly)
const counted = async <T>(work: Promise<T>): Promise<T> => {
  const done = await work
  left -= 1
  if (left <= 0) process.kill(process.pid, 'SIGKILL')
  return done
}
const collector = new Collector(
  toolsFor(
    {
      ...store,
      create: (key, body) => counted(store.create(key, body)),
      // One object after the other, so that a place to die is the same each time; not the clock's own.
      delete: (key) => (key.startsWith('control/') ? store.delete(key) : counted(store.delete(key))),
    },
    idleNeeds,
  ),
)
for (let changed = 1; changed > 0; ) changed = (await collector.pass(atOnce)).decisions.length
