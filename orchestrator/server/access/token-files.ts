import { existsSync } from 'node:fs'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '../make-folder.ts'
import { Token } from './token.ts'

/*
 * One file for each token, in the state directory: who may write there is this user anyway. Whoever asks reads them anew,
 * so a token that is removed is refused from the next request on.
 */
const folder = (stateDir: string): string => join(stateDir, 'tokens')
const file = (stateDir: string, id: string): string => join(folder(stateDir), `${id}.json`)

/** Once there was a token, an address asks for one for good: removing the last must not open the door. */
export const asksForTokens = (stateDir: string): boolean => existsSync(folder(stateDir))

export async function keepToken(stateDir: string, token: Token): Promise<void> {
  makeFolder(folder(stateDir))
  await writeFile(file(stateDir, token.id), `${JSON.stringify(token)}\n`, { mode: 0o600, flag: 'wx' })
}

/** Null where there is none, or none that can be read. */
export async function findToken(stateDir: string, id: string): Promise<Token | null> {
  try {
    return Token.parse(JSON.parse(await readFile(file(stateDir, id), 'utf8')))
  } catch {
    return null
  }
}

/** Oldest first. */
export async function listTokens(stateDir: string): Promise<Token[]> {
  const names = await readdir(folder(stateDir)).catch(() => [])
  const found = await Promise.all(names.map((name) => findToken(stateDir, name.replace(/\.json$/, ''))))
  return found.filter((token) => token !== null).sort((a, b) => a.createdAt - b.createdAt)
}

export async function removeToken(stateDir: string, token: Token): Promise<void> {
  await rm(file(stateDir, token.id), { force: true })
}
