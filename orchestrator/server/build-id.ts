import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { checkout } from './settings.ts'

export const version: string = (JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { version: string })
  .version

let build: string | null = null

/** Names the program that this process was started from: a client of another build asks the daemon to make room for its own. */
export function buildId(): string {
  build ??= digestOf(join(checkout, 'orchestrator'))
  return build
}

function digestOf(folder: string): string {
  const hash = createHash('sha256').update(version)
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && /\.(ts|lua)$/.test(entry.name),
  )
  const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort()
  for (const path of paths) {
    const { size, mtimeMs } = statSync(path)
    hash.update(`${path}\0${size}\0${mtimeMs}\n`)
  }
  return hash.digest('hex').slice(0, 12)
}
