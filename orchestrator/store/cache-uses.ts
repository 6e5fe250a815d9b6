import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { limits } from '../limits.ts'
import { notesOf } from './cache-entries.ts'
import { checkKey } from './key.ts'

/**
 * How attempts stand: a `live` one runs, or may still start. Those that aren't named nobody knows: they count as live for
 * a day.
 */
export type Standings = (attempts: string[]) => Promise<Known>
export type Known = ReadonlyMap<string, 'live' | 'over'>

const noteOf = (folder: string, name: string, by: string): string => join(notesOf(folder, name), `by-${checkKey(by)}`)

/**
 * Notes that somebody uses an entry, and returns the note. In one go: whoever is about to remove the entry sees it, or has
 * removed the entry before it is looked for.
 */
export function noteUse(folder: string, name: string, by: string): string {
  const note = noteOf(folder, name, by)
  mkdirSync(notesOf(folder, name), { recursive: true })
  writeFileSync(note, '')
  return note
}

/** Who uses an entry. */
export function usesOf(folder: string, name: string): string[] {
  const notes = notesOf(folder, name)
  if (!existsSync(notes)) return []
  return readdirSync(notes).flatMap((note) => (note.startsWith('by-') ? [note.slice(3)] : []))
}

/** Which uses of an entry are over, and whether there are others. */
export function judgeUses(folder: string, name: string, known: Known): { over: string[]; inUse: boolean } {
  const uses = usesOf(folder, name)
  const over = uses.filter((by) => isOver(noteOf(folder, name, by), known.get(by)))
  return { over, inUse: over.length < uses.length }
}

function isOver(note: string, standing: 'live' | 'over' | undefined): boolean {
  if (standing !== undefined) return standing === 'over'
  return Date.now() - statSync(note).mtimeMs > limits.store.leftoverAge
}

export async function forgetUses(folder: string, name: string, uses: string[]): Promise<void> {
  for (const by of uses) await rm(noteOf(folder, name, by), { force: true })
}
