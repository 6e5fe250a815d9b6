import { OrchestrateError } from '../errors.ts'

/** Temporary files of the filesystem adapter: never listed, never a key. */
export const scratch = '.tmp'

// Control characters cannot travel in S3's XML listings. A name that ends in `#<digits>` is what obstore, through which
// the workers write, calls its own half-written files.
const forbidden = /\p{Cc}/u
export const halfWritten = /#\d+$/

/** The key itself, or KEY_INVALID. */
export function checkKey(key: string): string {
  const parts = key.split('/')
  const bad =
    parts.some((part) => part === '' || part === '.' || part === '..' || Buffer.byteLength(part) > 240) ||
    parts[0] === scratch ||
    forbidden.test(key) ||
    halfWritten.test(key) ||
    !key.isWellFormed() ||
    Buffer.byteLength(key) > 900
  if (bad) throw new OrchestrateError('KEY_INVALID', `${JSON.stringify(key)} cannot be the key of an object`)
  return key
}

/** '' or the prefix with exactly one slash at its end. */
export function asFolder(prefix: string): string {
  const key = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix
  return prefix === '' ? '' : `${checkKey(key)}/`
}

/** S3's order: by UTF-8 bytes, not by UTF-16 units as `<` has it. */
export const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))
