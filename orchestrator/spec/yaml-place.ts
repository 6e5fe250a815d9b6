import { isAlias, isMap, isPair, isScalar, isSeq, type Node, type Pair, type YAMLMap } from 'yaml'
import type { Path } from './show.ts'

/** Offset of what stands at `path` below `node`, or of the innermost part of the path that exists. */
export function offsetOf(
  root: unknown,
  path: Path,
  of: 'key' | 'value',
  targets: WeakMap<object, Node>,
): number | undefined {
  let node: unknown = root
  let offset = offsetOfNode(root)
  for (const [index, part] of path.entries()) {
    if (isAlias(node)) node = targets.get(node)
    if (isMap(node)) {
      const pair = pairsOf(node).get(String(part))
      if (pair === undefined) return offset
      const asked = of === 'key' && index === path.length - 1
      offset = (asked || !standsOut(pair.value) ? offsetOfNode(pair.key) : offsetOfNode(pair.value)) ?? offset
      node = pair.value
    } else if (isSeq(node)) {
      node = node.items[Number(part)]
      if (node === undefined) return offset
      offset = offsetOfNode(node) ?? offset
    } else return offset
  }
  return offset
}

/** Files are looked up as often as they have problems, and a broken file may have very many. */
const indexes = new WeakMap<YAMLMap, Map<string, Pair>>()

function pairsOf(node: YAMLMap): Map<string, Pair> {
  const known = indexes.get(node)
  if (known) return known
  const pairs = new Map<string, Pair>()
  for (const pair of node.items) {
    const key = keyOf(pair)
    if (key !== null && !pairs.has(key)) pairs.set(key, pair)
  }
  indexes.set(node, pairs)
  return pairs
}

export const offsetOfNode = (node: unknown): number | undefined =>
  (node as { range?: [number, number, number] | null } | null)?.range?.[0]

/** The text of a plain key; null for keys that are lists, maps or nothing. */
export function keyOf(item: unknown): string | null {
  if (!isPair(item) || !isScalar(item.key)) return null
  const { value, source } = item.key
  if (typeof value === 'string') return value
  return source === undefined || source === '' ? null : source
}

// What is wrong with a block of lines is best looked for at its key, and what is empty has no place of its own.
function standsOut(value: unknown): boolean {
  if (isMap(value) || isSeq(value)) return value.flow === true
  return !isScalar(value) || value.value !== null || (value.source ?? '') !== ''
}
