import { createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { fateOf, secondsOf } from '../fate.ts'
import { perform } from './performance.ts'
import type { Answer, Question, Seen, State } from './protocol.ts'

/*
 * A process that pretends to be all attempts of a daemon at once: `main.ts --socket PATH --seed N --mean S --tell S`. It
 * outlives the daemon, as attempts do, and remembers what it was asked for: whoever measures asks it over IPC what it saw.
 */
const { values } = parseArgs({
  options: {
    socket: { type: 'string', default: '' },
    seed: { type: 'string', default: '0' },
    mean: { type: 'string', default: '30' },
    tell: { type: 'string', default: '5' },
  },
})
const seed = Number(values.seed)
type Act = { seen: Seen; stop: AbortController; over: Promise<void> }
const acts = new Map<string, Act>()
const revoked = new Set<string>()

const stateOf = (attempt: string): State => {
  const act = acts.get(attempt)
  if (act) return act.seen.endedAt === null ? 'running' : 'over'
  return revoked.has(attempt) ? 'revoked' : 'unclaimed'
}

function start({ attempt, job, shard, directory, outputs }: Extract<Question, { ask: 'start' }>): void {
  const known = acts.get(attempt)
  if (known) known.seen.asked += 1
  if (known || revoked.has(attempt)) return
  const seen: Seen = { attempt, job, shard, asked: 1, startedAt: Date.now(), endedAt: null, end: null }
  const stop = new AbortController()
  const fate = fateOf(seed, job, attempt)
  const seconds = secondsOf(seed, attempt, Number(values.mean))
  const role = { directory, attempt, outputs, fate, seconds, tellSeconds: Number(values.tell) }
  const over = perform(role, stop.signal)
    .catch((error: unknown) => `broke: ${String(error)}`)
    .then((end) => {
      seen.endedAt = Date.now()
      seen.end = end
    })
  acts.set(attempt, { seen, stop, over })
}

async function answer(question: Question): Promise<Omit<Answer, 'id'>> {
  switch (question.ask) {
    case 'start':
      start(question)
      return {}
    case 'look':
      return { states: Object.fromEntries(question.attempts.map((attempt) => [attempt, stateOf(attempt)])) }
    case 'revoke':
      if (!acts.has(question.attempt)) revoked.add(question.attempt)
      return { states: { [question.attempt]: stateOf(question.attempt) } }
    case 'signal':
      if (question.signal === 'SIGTERM' || question.signal === 'SIGKILL')
        acts.get(question.attempt)?.stop.abort(question.signal)
      return {}
    case 'end':
      await acts.get(question.attempt)?.over
      return {}
    case 'living':
      return { names: [...acts.keys()].filter((attempt) => stateOf(attempt) === 'running') }
  }
}

function serve(socket: Socket): void {
  const lines = createInterface({ input: socket })
  for (const end of [socket, lines]) end.on('error', () => {}) // the daemon was killed; the next one asks again
  lines.on('line', (line) => {
    const question: Question = JSON.parse(line)
    void answer(question).then(
      (said) => socket.writable && socket.write(`${JSON.stringify({ id: question.id, ...said })}\n`),
    )
  })
}

process.on('message', () => process.send?.({ seen: [...acts.values()].map((act) => act.seen) }))
process.on('disconnect', () => process.exit(0))
createServer(serve).listen(values.socket, () => process.send?.({ ready: true }))
