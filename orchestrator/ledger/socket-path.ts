import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

// The kernel's bound is 108 bytes with the closing zero (104 on macOS).
const longest = 103

/**
 * Where a socket of a state directory lives: `<state>/<name>`, or, where that is too long for a socket's address, in a
 * private folder under the system's temporary one that is named after the state directory. Only the address: the folder
 * of the first kind is the caller's to make.
 */
export function socketPath(stateDir: string, name: string): string {
  const inside = join(resolve(stateDir), name)
  if (Buffer.byteLength(inside) <= longest) return inside
  const digest = createHash('sha256').update(resolve(stateDir)).digest('hex').slice(0, 16)
  const folder = join(tmpdir(), `orchestrate-${digest}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return join(folder, name.replaceAll('/', '-'))
}
