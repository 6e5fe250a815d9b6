import { expect, onTestFinished, test } from 'vitest'
import { random } from '../../bench/statistics.ts'
import { oneOfEach, shuffled } from '../../chaos/deck.ts'
import { playRound } from '../../chaos/round.ts'
import { openWorld } from '../../chaos/world.ts'
import { canMount } from '../../support/tmpfs.ts'

test('whatever is killed, frozen or taken away, every run ends with the bits of one that nobody disturbed', async () => {
  const world = await openWorld({ kind: canMount() ? 'small' : 'folder' })
  let kept: 'keep' | 'remove' = 'keep'
  onTestFinished(() => world.end(kept))
  const dice = random(4)
  const cards = shuffled(oneOfEach(), world, dice)
  const faults = cards.map(({ name }) => name)
  const { told, lost, runs } = await playRound(world, 'short', dice, () => cards.pop() ?? null)
  expect(lost, `its world is kept in ${world.folder}`).toBeNull()
  expect(told.map(({ fault }) => fault).sort()).toEqual(faults.sort())
  expect(told.filter((one) => !one.survived || one.torn > 0 || one.duplicated > 0)).toEqual([])
  expect(runs).toBeGreaterThan(0)
  kept = 'remove'
})
