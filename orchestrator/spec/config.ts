import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import type { EntryDescription } from '../protocol/worker-description.ts'
import type { Json } from './pipeline.ts'
import { describeSchema } from './schema-words.ts'
import { isMap, type Path, show, showPath } from './show.ts'
import { suggest } from './suggest.ts'

/** `path` is relative to `with:`. */
export type ConfigProblem = { path: Path; of: 'key' | 'value'; message: string }
export type CheckedConfig = { config: Record<string, Json>; problems: ConfigProblem[] }

// `strict` off: the worker's schema is the worker's business, and a keyword that we don't know is no user's mistake.
const ajv = new Ajv2020({ allErrors: true, useDefaults: true, verbose: true, strict: false, validateFormats: false })
/** Compiling takes far longer than checking, and a server checks the same workers' stages again and again. */
const compiled = new WeakMap<EntryDescription, ValidateFunction>()

function compile(entry: EntryDescription): ValidateFunction {
  const known = compiled.get(entry)
  if (known) return known
  try {
    const validate = ajv.compile(entry.config)
    compiled.set(entry, validate)
    return validate
  } finally {
    // Ajv would keep every schema that it has ever seen, and refuse a second one with the same $id.
    ajv.removeSchema(entry.config)
  }
}

/**
 * Checks `with:` of a stage against its entry's JSON Schema and fills in the defaults. `config` must be the caller's
 * own copy. Throws what Ajv throws where the schema itself is none.
 */
export function checkConfig(entry: EntryDescription, config: Record<string, Json>, where: Path): CheckedConfig {
  const validate = compile(entry)
  if (validate(config)) return { config, problems: [] }
  const errors = withoutEchoes(validate.errors ?? [])
  const problems = errors.map((error) => toProblem(error, entry.config, where))
  return { config, problems: [...new Map(problems.map((p) => [JSON.stringify(p), p])).values()] }
}

/** Each failed alternative of `anyOf` reports too: where none got any further than the value itself, one sentence says it all. */
function withoutEchoes(errors: ErrorObject[]): ErrorObject[] {
  const unions = errors.filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf')
  return errors.filter((error) => {
    if (error.keyword === 'if') return false
    if (unions.includes(error)) {
      const deeper = errors.some((other) => other.instancePath.startsWith(`${error.instancePath}/`))
      return !deeper || error.instancePath === ''
    }
    return !unions.some((union) => union.instancePath === error.instancePath && union.instancePath !== '')
  })
}

function toProblem(error: ErrorObject, root: Json, where: Path): ConfigProblem {
  const path = pathOf(error.instancePath)
  const at = showPath([...where, ...path])
  const schema = (isMap(error.parentSchema) ? error.parentSchema : {}) as Record<string, Json>
  const known = isMap(schema.properties) ? schema.properties : {}
  switch (error.keyword) {
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const key = String(error.params.additionalProperty ?? error.params.unevaluatedProperty)
      return { path: [...path, key], of: 'key', message: `${at}: no key '${key}'${suggest(key, Object.keys(known))}` }
    }
    case 'required':
    case 'dependentRequired': {
      const key = String(error.params.missingProperty)
      return {
        path,
        of: 'value',
        message: `${at}: missing '${key}', expected ${describeSchema(known[key] ?? {}, root)}`,
      }
    }
    case 'propertyNames': {
      const key = String(error.params.propertyName)
      return { path: [...path, key], of: 'key', message: `${at}: '${key}' is not a key that is allowed here` }
    }
    case 'uniqueItems':
      return { path, of: 'value', message: `${at}: expected each item once, found ${show(item(error))} twice` }
    case 'false schema':
      return { path, of: 'key', message: `${at}: not allowed here` }
  }
  const expected = describeSchema(schema, root)
  const found = error.data as Json
  const message =
    expected === 'another value' || error.keyword === 'not'
      ? `${error.message ?? 'not what the schema allows'}, found ${show(found)}`
      : `expected ${expected}, found ${length(found)}`
  return { path, of: 'value', message: `${at}: ${message}` }
}

const item = (error: ErrorObject): Json =>
  Array.isArray(error.data) ? (error.data[Number(error.params.i)] as Json) : null

const length = (found: Json): string =>
  Array.isArray(found) && found.length > 0 ? `a list of ${found.length}` : show(found)

// A JSON pointer doesn't tell a list's index from a key of digits; a config key of digits is the rarer of the two.
const pathOf = (pointer: string): Path =>
  pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part))
