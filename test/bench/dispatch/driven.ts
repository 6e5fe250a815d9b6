import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { firstLineAt, type Task } from '../by-hand.ts'
import type { Lab } from '../lab.ts'
import type { Place, Way } from './way.ts'

const Answer = z.object({ from: z.number(), over: z.number() })
type Told = z.infer<typeof Answer>

/**
 * A program that has others run our tasks: a line of JSON in, the tasks and how, and a line out when they are over, with
 * the milliseconds, by its own clock, of when it began to ask and of when it knew. It says `{}` when it is ready.
 */
export async function drive(
  lab: Lab,
  command: string[],
  env: Record<string, string>,
): Promise<(tasks: Task[], how?: string) => Promise<Told>> {
  const [program = '', ...args] = command
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  child.stdin.on('error', () => {}) // it has gone, which is told below
  lab.atEnd(async () => {
    child.stdin.end()
    await ended
  })
  const said: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => said.push(line))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async (): Promise<unknown> => {
    const { value, done } = await lines.next()
    if (done) throw new Error(said.findLast((line) => line.trim() !== '') ?? 'it ended and said nothing')
    return JSON.parse(value)
  }
  await answer()
  return async (tasks, how) => {
    child.stdin.write(`${JSON.stringify({ how, tasks })}\n`)
    return Answer.parse(await answer())
  }
}

export const driven = (name: string, place: Place, ask: (tasks: Task[]) => Promise<Told>): Way => ({
  name,
  jobs: 100,
  first: async () => {
    const all = await place.tasks(1)
    const { from } = await ask(all)
    return (await firstLineAt(all[0]?.directory ?? '')) - from
  },
  many: async (count) => {
    const { from, over } = await ask(await place.tasks(count))
    return over - from
  },
})
