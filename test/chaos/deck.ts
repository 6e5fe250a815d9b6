import type { Fault } from './fault.ts'
import { faults } from './faults.ts'
import type { World } from './world.ts'

export type Card = { name: string; fault: Fault }

/** Every fault as often as its share says, or of some only. */
export const shares = (only: readonly string[] = []): string[] =>
  Object.entries(faults).flatMap(([name, { share }]) =>
    only.length === 0 || only.includes(name) ? Array.from({ length: share }, () => name) : [],
  )

/** Every fault once. */
export const oneOfEach = (): string[] => Object.keys(faults)

/** A card of each name that can be done here, in the order that the dice give. */
export const shuffled = (names: readonly string[], world: World, dice: () => number): Card[] =>
  names
    .flatMap((name) => {
      const fault = faults[name]?.fault
      return fault && !fault.missing?.(world) ? [{ name, fault, place: dice() }] : []
    })
    .sort((a, b) => a.place - b.place)
