import { join } from 'node:path'
import { expect, test } from 'vitest'
import { WorkerEvent } from '../../../../../orchestrator/protocol/worker-event.ts'
import { endOf, ends, type Lab } from '../lab.ts'

const code = join(import.meta.dirname, '../../../../fixtures/foreign-worker')

export function worker(lab: Lab): void {
  const count = (config: { fail_at: number | null; exit: number }) =>
    lab.start([], {
      code,
      command: [lab.place.python, 'worker.py'],
      entry: 'count',
      config: { steps: 5, delay_ms: 0, ...config },
      outputs: ['numbers'],
      ranks: 2,
    })
  const eventsOf = (attempt: string, rank: number) =>
    lab
      .read(attempt, `events.${rank}.jsonl`)
      .trim()
      .split('\n')
      .map((line) => WorkerEvent.parse(JSON.parse(line)))

  test('a worker of 30 lines counts, and says so', async () => {
    const attempt = await count({ fail_at: null, exit: 1 })
    expect(ends(await endOf(lab.engine, attempt))).toEqual([0, 0])
    for (const rank of [0, 1]) {
      const events = eventsOf(attempt, rank)
      expect(events[0]).toMatchObject({ type: 'hello', rank, world: 2 })
      expect(events.filter(({ type }) => type === 'progress')).toHaveLength(5)
      expect(events.at(-1)).toMatchObject({ type: 'done', metrics: { even: { k: 3, n: 5 } } })
    }
  })

  test('a worker of 30 lines fails in its own words', async () => {
    const attempt = await count({ fail_at: 2, exit: 65 })
    const { ranks, firstBad } = await endOf(lab.engine, attempt)
    expect(ranks[firstBad ?? -1]?.code).toBe(65)
    expect(eventsOf(attempt, firstBad ?? -1).at(-1)).toMatchObject({ type: 'failed', code: 'ASKED_TO' })
  })
}
