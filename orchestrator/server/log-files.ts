import { watch } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
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
  const start = await tailOf(path, lines)
  let offset = (await readFile(path).catch(() => Buffer.alloc(0))).length
  if (start) yield Buffer.from(start)
  for (;;) {
    const ended = over() // asked before reading: what was written until then is read now
    const chunk = await readFrom(path, offset)
    offset += chunk.length
    if (chunk.length > 0) yield chunk
    else if (ended) return
    else await changed(path, 1000)
  }
}

async function readFrom(path: string, offset: number): Promise<Buffer> {
  const handle = await open(path).catch(() => null)
  if (!handle) return Buffer.alloc(0)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(1 << 16), 0, 1 << 16, offset)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
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
