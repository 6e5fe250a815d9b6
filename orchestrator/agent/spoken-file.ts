import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { limits } from '../limits.ts'
import { mask } from './mask.ts'

export type Piece = { version: string; size: number; offset: number; data: Buffer }

/**
 * The next bytes of a file to be told, or null when there are none now. `known` says up to where which file of that name
 * was told; another one is told from its beginning. What may be half a secret, or half a line of events, waits for its end.
 */
export async function nextPiece(
  path: string,
  known: { version: string; offset: number } | undefined,
  { secrets, growing }: { secrets: Buffer[]; growing: boolean },
): Promise<Piece | null> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => null)
  if (!handle) return null
  try {
    const info = await handle.stat({ bigint: true })
    if (!info.isFile()) return null
    // A number is given away again: of two files that replace each other, the third may have the first one's.
    const version = `${info.ino}-${info.birthtimeNs}`
    const size = Number(info.size)
    const again = known?.version === version && known.offset <= size
    const offset = again ? known.offset : 0
    if (again && offset === size) return null
    const data = await masked(handle, offset, Math.min(limits.agents.chunk, size - offset), secrets)
    const whole = growing ? upToLine(path, data) : data.length
    if (whole === 0 && again) return null
    return { version, size, offset, data: data.subarray(0, whole) }
  } finally {
    await handle.close()
  }
}

/** Reads a little more on both sides, so that no secret is cut by an edge. */
async function masked(handle: FileHandle, offset: number, length: number, secrets: Buffer[]): Promise<Buffer> {
  const margin = Math.max(0, ...secrets.map((secret) => secret.length - 1))
  const from = Math.max(0, offset - margin)
  const buffer = Buffer.alloc(offset - from + length + margin)
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, from)
  const read = buffer.subarray(0, bytesRead)
  mask(read, secrets)
  return read.subarray(offset - from, offset - from + length)
}

/** How much of it may be told while its rank may go on writing: of events whole lines, unless one is longer than a piece. */
function upToLine(path: string, data: Buffer): number {
  if (!/events\.\d+\.jsonl$/.test(path)) return data.length
  const end = data.lastIndexOf('\n') + 1
  return end > 0 || data.length < limits.agents.chunk ? end : data.length
}
