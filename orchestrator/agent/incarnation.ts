import { randomUUID } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { hasCode } from '../engines/attempt-directory.ts'

const Kept = z.object({ pool: z.string(), host: z.string(), incarnation: z.string() })

/** The life of this host's attempts that an agent before this one belonged to; null where there was none. */
export async function knownIncarnation(stateDir: string, pool: string, host: string): Promise<string | null> {
  const text = await readFile(path(stateDir), 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return null
    throw error
  })
  const kept = text === null ? null : Kept.parse(JSON.parse(text))
  return kept?.pool === pool && kept.host === host ? kept.incarnation : null
}

/** Begins a new one. Written down first: who joins under it must find it again. */
export async function newIncarnation(stateDir: string, pool: string, host: string): Promise<string> {
  const incarnation = randomUUID()
  await writeFile(`${path(stateDir)}.new`, `${JSON.stringify({ pool, host, incarnation })}\n`)
  await rename(`${path(stateDir)}.new`, path(stateDir))
  return incarnation
}

const path = (stateDir: string): string => join(stateDir, 'agent.json')
