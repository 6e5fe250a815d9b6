import { type Frame, type Stacks, showFrame, showStack } from './stack.ts'

/** What was found out about one rank of an attempt that makes no progress. */
export type RankEvidence = {
  rank: number
  /** `gone`: its process has ended. A letter of proc(5): T stopped by a signal, D waits for a device. Null: not known. */
  state: string | null
  /** Null where it gave none when it was asked. */
  stacks: Stacks | null
  /** Last step that it has reported, or null. */
  step: number | null
}

/** Who hangs: the rank that the others wait for, where that can be told, and where it is. */
export type NamedHang = { rank: number | null; message: string; stack: string }

type Doing =
  | { kind: 'stopped' }
  | { kind: 'gone' }
  | { kind: 'device' }
  | { kind: 'mute' }
  | { kind: 'elsewhere'; at: Frame }
  | { kind: 'waiting'; at: Frame }

// One that has ended is to blame only where nothing but waiting for it is left.
const WORST: readonly Doing['kind'][] = ['stopped', 'device', 'mute', 'elsewhere', 'gone', 'waiting']

type Judged = RankEvidence & { doing: Doing }

/** Names the rank that keeps the others waiting. `silence` says since when nothing was heard: "for 61 s". */
export function nameHang(evidence: readonly RankEvidence[], silence: string): NamedHang {
  const ranks = evidence.map((rank): Judged => ({ ...rank, doing: doingOf(rank) }))
  const culprits = culpritsOf(ranks)
  const [first] = culprits
  if (!first) return { rank: null, message: `made no progress ${silence}`, stack: '' }
  const step = first.step ?? ranks.find((rank) => rank.step !== null)?.step ?? null
  const since = `made no progress ${silence}${step === null ? '' : `, since step ${step}`}`
  const stack = showStack(first.stacks?.at(-1) ?? [])
  const where = sentence(first.doing)
  if (ranks.length === 1) return { rank: first.rank, message: `${since}: it ${where}`, stack }
  const others = ranks.filter((rank) => !culprits.includes(rank))
  if (others.length === 0) {
    const each = describeAll(ranks)
    return { rank: null, message: `${since}: ${each}`, stack }
  }
  const who = culprits.length === 1 ? `rank ${first.rank}` : `ranks ${culprits.map(({ rank }) => rank).join(', ')}`
  const it = culprits.length === 1 ? 'it' : 'each'
  return { rank: first.rank, message: `${who} ${since}: ${it} ${where}, while ${describeAll(others)}`, stack }
}

/** Those that do the worst of what is done; none stands out where all do the same, such as waiting for each other. */
function culpritsOf(ranks: readonly Judged[]): Judged[] {
  const worst = WORST.find((kind) => ranks.some(({ doing }) => doing.kind === kind))
  const same = ranks.filter(({ doing }) => doing.kind === worst)
  if (same.length < ranks.length || ranks.length < 3) return same
  // All are somewhere in Python code: with a GPU also those that wait for another. The one that is alone where it is, is it.
  const places = Map.groupBy(ranks, ({ doing }) => ('at' in doing ? showFrame(doing.at) : ''))
  const alone = [...places.values()].filter((group) => group.length === 1).flat()
  return places.size === 2 && alone.length === 1 ? alone : same
}

function doingOf({ state, stacks }: RankEvidence): Doing {
  if (state === 'T' || state === 't') return { kind: 'stopped' }
  if (state === 'gone') return { kind: 'gone' }
  const main = stacks?.at(-1)
  const at = main?.[0]
  if (!stacks || !main || !at) return state === 'D' ? { kind: 'device' } : { kind: 'mute' }
  const collective = collectiveOf(main)
  if (collective) return { kind: 'waiting', at: collective }
  // Going backward, the collectives are called by threads of autograd, for which the main one waits.
  const backward = at.file.includes('/torch/autograd/')
  const others = backward ? stacks.flatMap((stack) => collectiveOf(stack) ?? []) : []
  return others[0] ? { kind: 'waiting', at: others[0] } : { kind: 'elsewhere', at }
}

/** The call of torch.distributed that a thread waits in: only torch itself lies deeper. */
function collectiveOf(stack: readonly Frame[]): Frame | null {
  const end = stack.findIndex(({ file }) => !file.includes('/torch/'))
  return stack.slice(0, end < 0 ? stack.length : end).find(({ file }) => file.includes('/torch/distributed/')) ?? null
}

function describeAll(ranks: readonly Judged[]): string {
  const groups = [...Map.groupBy(ranks, ({ doing }) => sentence(doing))]
  return groups
    .map(([what, group]) => {
      const numbers = group.map(({ rank }) => rank)
      return numbers.length === 1 ? `rank ${numbers[0]} ${what}` : `ranks ${numbers.join(', ')}: each ${what}`
    })
    .join('; ')
}

function sentence(doing: Doing): string {
  switch (doing.kind) {
    case 'stopped':
      return 'was stopped by a signal (state T)'
    case 'gone':
      return 'has ended'
    case 'device':
      return 'waits for a device or file system (state D)'
    case 'mute':
      return 'gave no stack when asked'
    case 'elsewhere':
      return `is in ${showFrame(doing.at)}`
    case 'waiting':
      return `waits in ${showFrame(doing.at)}`
    default:
      return doing satisfies never
  }
}
