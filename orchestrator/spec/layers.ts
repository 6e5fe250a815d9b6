import type { Json, Place } from './pipeline.ts'
import { isMap, type Path, show, showPath } from './show.ts'

export type PlaceOf = (path: Path, of?: 'key' | 'value') => Place

/** A value to be set at a path, by a cell or by the command line; `place` knows where each part of it stands. */
export type Override = { id: number; path: readonly string[]; value: Json; place: PlaceOf }

/** A value with overrides applied, which knows of each part whether the file or an override put it there. */
export type Layered = { value: Json; place: PlaceOf; problems: { place: Place; message: string }[] }

/** Applies overrides in order. A map is merged key by key (only what differs has to be said), all else replaces. */
export function layer(base: Json, basePlace: PlaceOf, overrides: readonly Override[], name: Path): Layered {
  const origins: { path: Path; place: PlaceOf }[] = []
  const problems: Layered['problems'] = []
  let value = base
  for (const override of overrides) {
    const set = (target: Json | undefined, at: Path, rest: readonly string[], from: Path, next: Json): Json => {
      const [key, ...deeper] = rest
      if (key !== undefined) {
        if (target === undefined || target === null || isMap(target)) {
          const map = target ?? {}
          const child = Object.hasOwn(map, key) ? map[key] : undefined
          // A map that only the override's path makes has no other place than that path.
          if (child === undefined) origins.push({ path: [...at, key], place: () => override.place([], 'key') })
          return { ...map, [key]: set(child, [...at, key], deeper, from, next) }
        }
        const message = `${showPath([...name, ...at])} is ${show(target)}, expected a map to set '${key}' in`
        problems.push({ place: override.place([], 'key'), message })
        return target
      }
      if (isMap(next) && isMap(target)) {
        let merged: Json = target
        for (const [inner, item] of Object.entries(next)) merged = set(merged, at, [inner], [...from, inner], item)
        return merged
      }
      origins.push({ path: at, place: (path, of) => override.place([...from, ...path], of) })
      return next
    }
    value = set(value, [], override.path, [], override.value)
  }
  const place: PlaceOf = (path, of) => {
    const origin = origins.findLast((candidate) => candidate.path.every((part, index) => path[index] === part))
    return origin ? origin.place(path.slice(origin.path.length), of) : basePlace(path, of)
  }
  return { value, place, problems }
}
