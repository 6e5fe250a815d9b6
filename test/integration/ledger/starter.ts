// A daemon as far as its Redis goes: starts it, appends to it, says so, and waits to be killed.
import { connectRedis } from '../../../orchestrator/ledger/connect-redis.ts'
import { Ledger } from '../../../orchestrator/ledger/ledger.ts'
import { startRedis } from '../../../orchestrator/ledger/start-redis.ts'

const redis = await startRedis(process.argv[2] as string)
const link = await connectRedis(redis.socket, 'starter')
await new Ledger(link).append('job/a', 0, [{ at: 1 }])
process.stdout.write(`${JSON.stringify({ pid: redis.pid })}\n`)
