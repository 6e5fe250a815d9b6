/** `before(name)`: the stages that feed a stage. Cycles are given in the direction in which data flows. */
export type Order = { order: string[]; cycles: string[][] }

/** Stages so that each stands after all that feed it, otherwise as given; depth first, without recursion. */
export function sortStages(names: readonly string[], before: (name: string) => readonly string[]): Order {
  const done = new Set<string>()
  const order: string[] = []
  const cycles: string[][] = []
  const rank = new Map(names.map((name, index) => [name, index]))
  for (const start of names) {
    const path: { name: string; next: number }[] = done.has(start) ? [] : [{ name: start, next: 0 }]
    const open = new Set(path.map(({ name }) => name))
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const input = before(top.name)[top.next++]
      if (input === undefined) {
        path.pop()
        open.delete(top.name)
        done.add(top.name)
        order.push(top.name)
      } else if (open.has(input)) {
        const cycle = path.slice(path.findIndex(({ name }) => name === input)).map(({ name }) => name)
        cycles.push(fromFirst(cycle.reverse(), rank))
      } else if (!done.has(input)) {
        path.push({ name: input, next: 0 })
        open.add(input)
      }
    }
  }
  return { order, cycles }
}

/** All stages that `targets` need, themselves included. */
export function neededFor(targets: readonly string[], before: (name: string) => readonly string[]): Set<string> {
  const needed = new Set(targets)
  // A set that grows while it is walked is walked to its end.
  for (const name of needed) for (const input of before(name)) needed.add(input)
  return needed
}

function fromFirst(cycle: string[], rank: ReadonlyMap<string, number>): string[] {
  const first = cycle.reduce((a, b) => ((rank.get(b) ?? 0) < (rank.get(a) ?? 0) ? b : a))
  const at = cycle.indexOf(first)
  return [...cycle.slice(at), ...cycle.slice(0, at)]
}
