import type { Json } from './pipeline.ts'
import { isMap, show } from './show.ts'

/** What a JSON Schema expects, in words: `an integer ≥ 1`, `one of "a", "b"`, `a list of text`. `root` resolves `$ref`. */
export function describeSchema(schema: Json, root: Json, depth = 0): string {
  if (!isMap(schema) || depth > 4) return 'another value'
  const words = (inner: Json) => describeSchema(inner, root, depth + 1)
  if (typeof schema.$ref === 'string') return words(resolve(schema.$ref, root))
  if ('const' in schema) return literal(schema.const ?? null)
  if (Array.isArray(schema.enum)) {
    const values = schema.enum.map(literal)
    return values.length === 1 ? (values[0] ?? '') : `one of ${values.join(', ')}`
  }
  const alternatives = schema.anyOf ?? schema.oneOf
  if (Array.isArray(alternatives)) return unique(alternatives.map(words))
  if (Array.isArray(schema.type)) return unique(schema.type.map((type) => words({ ...schema, type })))
  switch (schema.type) {
    case 'integer':
      return `an integer${range(schema)}`
    case 'number':
      return `a number${range(schema)}`
    case 'string':
      return `text${lengths(schema, 'minLength', 'maxLength', 'characters')}${pattern(schema)}`
    case 'boolean':
      return 'true or false'
    case 'null':
      return 'null'
    case 'array':
      return `a list${schema.items === undefined ? '' : ` of ${words(schema.items)}`}${lengths(schema, 'minItems', 'maxItems', 'items')}`
    case 'object':
      return 'a map'
    default:
      return 'another value'
  }
}

const literal = (value: Json): string => (value === null ? 'null' : show(value))

const unique = (words: string[]): string => [...new Set(words)].join(' or ')

function range(schema: Record<string, Json>): string {
  const bounds = [
    ['minimum', '≥'],
    ['exclusiveMinimum', '>'],
    ['maximum', '≤'],
    ['exclusiveMaximum', '<'],
    ['multipleOf', 'a multiple of'],
  ] as const
  const found = bounds.flatMap(([key, sign]) => (typeof schema[key] === 'number' ? [`${sign} ${schema[key]}`] : []))
  return found.length === 0 ? '' : ` ${found.join(' and ')}`
}

function lengths(schema: Record<string, Json>, least: string, most: string, unit: string): string {
  const found = [
    ...(typeof schema[least] === 'number' && schema[least] > 0 ? [`at least ${schema[least]}`] : []),
    ...(typeof schema[most] === 'number' ? [`at most ${schema[most]}`] : []),
  ]
  return found.length === 0 ? '' : ` (${found.join(' and ')} ${unit})`
}

const pattern = (schema: Record<string, Json>): string =>
  typeof schema.pattern === 'string' ? ` that matches /${schema.pattern}/` : ''

function resolve(ref: string, root: Json): Json {
  if (!ref.startsWith('#/')) return null
  let node: Json = root
  for (const part of ref.slice(2).split('/')) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    node = isMap(node) && Object.hasOwn(node, key) ? (node[key] ?? null) : null
  }
  return node
}
