import type { z } from 'zod'
import type { Json } from './pipeline.ts'
import { isMap, type Path, show, showPath } from './show.ts'
import { suggest } from './suggest.ts'

/** `path` is relative to the value that was checked; `of` says whether its key or its value is wrong. */
export type ShapeProblem = { path: Path; of: 'key' | 'value'; message: string }

/** What is wrong with the shape of `value`, which stands at `prefix` in the file. */
export function checkShape(shape: z.ZodType, value: Json, prefix: Path): ShapeProblem[] {
  const result = shape.safeParse(value)
  if (result.success) return []
  return result.error.issues.flatMap((issue) => describe(shape, issue, value, prefix))
}

function describe(shape: z.ZodType, issue: z.core.$ZodIssue, root: Json, prefix: Path): ShapeProblem[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)))
  const where = (rest: Path) => showPath([...prefix, ...rest])
  const found = valueAt(root, path)
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        of: 'key',
        message: `${before(where(path))}no key '${key}'${suggest(key, keysAt(shape, path))}`,
      }))
    case 'invalid_key': {
      const key = String(path.at(-1))
      const expected = issue.issues[0]?.message ?? 'a name'
      return [{ path, of: 'key', message: `${before(where(path.slice(0, -1)))}expected ${expected}, found '${key}'` }]
    }
    case 'invalid_union': {
      const deeper = deepest(issue)
      if (deeper === null) break
      return describe(shape, { ...deeper, path: [...issue.path, ...deeper.path] }, root, prefix)
    }
  }
  const key = path.at(-1)
  if (found === undefined && typeof key === 'string')
    return [
      {
        path: path.slice(0, -1),
        of: 'value',
        message: `${before(where(path.slice(0, -1)))}missing '${key}', expected ${issue.message}`,
      },
    ]
  return [{ path, of: 'value', message: `${before(where(path))}expected ${issue.message}, found ${show(found)}` }]
}

const before = (where: string): string => (where === '' ? '' : `${where}: `)

/** The problem of the alternative that fitted furthest, where one fitted at all. */
function deepest(issue: z.core.$ZodIssueInvalidUnion): z.core.$ZodIssue | null {
  const inner = issue.errors.flat().filter((candidate) => candidate.path.length > 0)
  return inner[0] ?? null
}

function valueAt(root: Json, path: Path): Json | undefined {
  let value: Json | undefined = root
  for (const part of path) {
    if (Array.isArray(value)) value = value[Number(part)]
    else if (isMap(value) && Object.hasOwn(value, part)) value = value[part]
    else return undefined
  }
  return value
}

/** Keys that the shape knows at `path`, for "did you mean". */
function keysAt(shape: z.ZodType, path: Path): string[] {
  let at: unknown = shape
  for (const part of path) at = child(unwrap(at), part)
  return keysOf(at)
}

/** Of alternatives: those of each. */
function keysOf(schema: unknown): string[] {
  const def = definition(unwrap(schema))
  if (def?.options) return [...new Set(def.options.flatMap(keysOf))]
  return def?.shape === undefined ? [] : Object.keys(def.shape)
}

type Definition = {
  type: string
  shape?: Record<string, unknown>
  innerType?: unknown
  valueType?: unknown
  options?: unknown[]
}
const definition = (schema: unknown): Definition | undefined => (schema as { def?: Definition } | undefined)?.def

function unwrap(schema: unknown): unknown {
  const def = definition(schema)
  return def?.innerType === undefined ? schema : unwrap(def.innerType)
}

function child(schema: unknown, part: string | number): unknown {
  const def = definition(schema)
  return def?.shape?.[part] ?? def?.valueType
}
