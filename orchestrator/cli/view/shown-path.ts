import { relative } from 'node:path'

/** A path as one would type it from here; an address as it is. */
export function shownPath(path: string): string {
  if (!path.startsWith('/')) return path
  const near = relative(process.cwd(), path)
  return near.startsWith('..') ? path : near
}
