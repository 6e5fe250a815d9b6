import { OrchestrateError } from '../../errors.ts'

/** Those of the variables that the environment has. */
export function present(names: string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  )
}

/** The values of secrets, by name; an empty one is none. */
export function secretsFrom(names: string[]): Record<string, string> {
  const missing = names.filter((name) => (process.env[name] ?? '') === '')
  if (missing.length === 0) return present(names)
  throw new OrchestrateError('SECRET_MISSING', `needed, but not in the environment: ${missing.join(', ')}`)
}
