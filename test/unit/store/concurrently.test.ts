import { expect, test } from 'vitest'
import { concurrently } from '../../../orchestrator/store/concurrently.ts'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

test('keeps the order of the items and never does more than asked side by side', async () => {
  let running = 0
  let most = 0
  const results = await concurrently(
    Array.from({ length: 30 }, (_, i) => i),
    async (i) => {
      most = Math.max(most, ++running)
      for (let turns = i % 4; turns >= 0; turns--) await turn()
      running--
      return i * 2
    },
    3,
  )
  expect(results).toEqual(Array.from({ length: 30 }, (_, i) => i * 2))
  expect(most).toBe(3)
})

test('begins nothing after a failure, and ends with it once all that had begun is over', async () => {
  const begun: number[] = []
  let over = 0
  const work = async (i: number) => {
    begun.push(i)
    await turn()
    if (i === 1) throw new Error('one')
    await turn()
    over++
  }
  await expect(concurrently([0, 1, 2, 3, 4, 5, 6], work, 2)).rejects.toThrow('one')
  expect(begun).toEqual([0, 1])
  expect(over).toBe(1)
})

test('has nothing to do for nothing', async () => {
  expect(await concurrently([], turn)).toEqual([])
})
