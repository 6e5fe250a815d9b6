import { type Alias, isAlias, isMap, isNode, isScalar, isSeq, type Node, type Scalar, type YAMLMap } from 'yaml'
import type { Json } from './pipeline.ts'
import { keyOf, offsetOfNode } from './yaml-place.ts'

export const maxDepth = 64
/** Values that aliases may repeat in all: plenty for what a person writes, and an alias bomb stops here. */
const maxAliased = 20_000

/** Thrown where reading on would take for ever. */
export class Stop extends Error {}

/** Turns YAML nodes into plain values, and reports what no configuration can hold. */
export class YamlReader {
  /** What each alias stands for. */
  readonly targets = new WeakMap<object, Node>()
  readonly #report: (offset: number | undefined, message: string) => void
  readonly #anchors = new Map<string, Node>()
  #inAlias = 0
  #aliased = 0

  constructor(report: (offset: number | undefined, message: string) => void) {
    this.#report = report
  }

  read(node: unknown, depth: number): Json {
    if (depth > maxDepth) throw new Stop(`nested too deep, expected at most ${maxDepth} levels`)
    if (this.#inAlias > 0 && ++this.#aliased > maxAliased)
      throw new Stop(`aliases repeat more than ${maxAliased} values, expected a file without such expansion`)
    if (isAlias(node)) return this.#readAlias(node, depth)
    if (isNode(node) && node.anchor !== undefined) this.#anchors.set(node.anchor, node)
    if (isMap(node)) return this.#readMap(node, depth)
    if (isSeq(node)) return node.items.map((item) => this.read(item, depth + 1))
    return isScalar(node) ? this.#readScalar(node) : null
  }

  #readAlias(node: Alias, depth: number): Json {
    const target = this.targets.get(node) ?? this.#anchors.get(node.source)
    if (target === undefined) {
      this.#report(offsetOfNode(node), `no anchor '&${node.source}' stands before this alias`)
      return null
    }
    this.targets.set(node, target)
    this.#inAlias++
    const value = this.read(target, depth + 1)
    this.#inAlias--
    return value
  }

  #readMap(node: YAMLMap, depth: number): Json {
    const map: Record<string, Json> = {}
    const seen = new Set<string>()
    for (const item of node.items) {
      const key = keyOf(item)
      const offset = offsetOfNode(item.key) ?? offsetOfNode(node)
      if (key === null || key === '__proto__') {
        this.#report(offset, `expected a plain name as a key, found ${key ?? 'something else'}`)
      } else if (seen.has(key)) {
        this.#report(offset, `key '${key}' stands twice in this map, expected it once`)
      } else {
        seen.add(key)
        map[key] = this.read(item.value, depth + 1)
      }
    }
    return map
  }

  #readScalar({ value, source, range }: Scalar): Json {
    if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
    const wholeText = /^[-+]?[\d_]+$/.test(source ?? '')
    if (typeof value === 'number' && Number.isFinite(value) && (Number.isSafeInteger(value) || !wholeText)) return value
    const expected = typeof value === 'number' ? 'a number that can be kept exactly' : 'a number, text, true or false'
    this.#report(range?.[0], `expected ${expected}, found ${source ?? 'something else'}`)
    return null
  }
}
