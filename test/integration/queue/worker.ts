// A control plane that takes one look, says so, and never ends it: to be killed.
import { connectRedis } from '../../../orchestrator/ledger/connect-redis.ts'
import { Commands } from '../../../orchestrator/queue/commands.ts'

const [socket, namespace] = process.argv.slice(2) as [string, string]
const timing = { lock: 1000, stalledCheck: 500, retryFirst: 20, retryLongest: 100 }
const commands = new Commands(await connectRedis(socket, namespace), console, timing)
await commands.work(async (aggregate) => {
  process.stdout.write(`${aggregate}\n`)
  await new Promise(() => {})
})
