import { watch } from 'node:fs'
import { open, readFile, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { Readable } from 'node:stream'

/** The last lines of a log, or all of it. One that isn't there is empty: the rank has written nothing. */
export async function tailOf(path: string, lines: number | null): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '')
  if (lines === null) return text
  const all = text.replace(/\n$/, '').split('\n')
  const last = lines === 0 ? [] : all.slice(-lines)
  return last.length > 0 && text !== '' ? `${last.join('\n')}\n` : ''
}

/** A log as it grows, until `over` says that nobody writes it any more. */
export function followLog(path: string, lines: number | null, over: () => boolean): Readable {
  return Readable.from(grow(path, lines, over))
}

async function* grow(path: string, lines: number | null, over: () => boolean): AsyncGenerator<Buffer> {
  const start = Buffer.from(await tailOf(path, lines))
  let place = await placeAtEnd(path)
  if (start.length > 0) yield start
  for (;;) {
    const ended = over() // asked before reading: what was written until then is read now
    const { chunk, next } = await readFrom(path, place)
    place = next
    if (chunk.length > 0) yield chunk
    else if (ended) return
    else await changed(path, 1000)
  }
}

type Place = { inode: number; offset: number }

async function placeAtEnd(path: string): Promise<Place> {
  const info = await stat(path).catch(() => null)
  return { inode: info?.ino ?? 0, offset: info?.size ?? 0 }
}

async function readFrom(path: string, place: Place): Promise<{ chunk: Buffer; next: Place }> {
  const handle = await open(path).catch(() => null)
  if (!handle) return { chunk: Buffer.alloc(0), next: place }
  try {
    const { ino } = await handle.stat()
    // A log that grew too long is replaced by a shorter one: go on where it says that its middle was dropped.
    const offset = ino === place.inode || place.inode === 0 ? place.offset : await markIn(path)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(1 << 16), 0, 1 << 16, offset)
    return { chunk: buffer.subarray(0, bytesRead), next: { inode: ino, offset: offset + bytesRead } }
  } finally {
    await handle.close()
  }
}

/** Where the launcher's line stands that says how much of the middle was dropped. */
async function markIn(path: string): Promise<number> {
  const content = await readFile(path)
  const said = content.indexOf(' bytes dropped here')
  return said < 0 ? 0 : content.lastIndexOf('\n', said) + 1
}

/** Resolves when the file was written to, or after a while: an attempt can end without a last line. */
function changed(path: string, atMostMs: number): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(dirname(path), (_, name) => {
      if (name === basename(path) || name === 'exit.json') done()
    })
    const timer = setTimeout(() => done(), atMostMs)
    const done = (): void => {
      clearTimeout(timer)
      watcher.close()
      resolve()
    }
    watcher.on('error', done)
  })
}
