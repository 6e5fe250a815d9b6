import type { Json } from './pipeline.ts'

/** A value as a message shows it: short, on one line, and text always in quotes. */
export function show(value: Json | undefined): string {
  if (value === undefined || value === null) return 'nothing'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object') return 'a map'
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}…` : value)
  return String(value)
}

export type Path = readonly (string | number)[]

/** `train.with.tasks[0]`: a path as the user would write it in an override. */
export function showPath(path: Path): string {
  const rest = path[0] === 'stages' && path.length > 1 ? path.slice(1) : path
  return rest.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    return text === '' ? part : `${text}.${part}`
  }, '')
}

export const isMap = (value: unknown): value is Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
