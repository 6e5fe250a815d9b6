import { watch } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { WorkerEvent } from '../../protocol/worker-event.ts'

/** What a rank says, as soon as it is written, until `over` is aborted and all that was written is read. */
export async function* followEvents(directory: string, rank: number, over: AbortSignal): AsyncGenerator<WorkerEvent> {
  const path = join(directory, `events.${rank}.jsonl`)
  let wake = Promise.withResolvers<void>()
  const watcher = watch(directory, () => wake.resolve())
  const onOver = () => wake.resolve()
  over.addEventListener('abort', onOver)
  const read = reader(path)
  try {
    for (;;) {
      const ended = over.aborted // asked before reading: what was written until then is read now
      wake = Promise.withResolvers()
      for (const line of await read()) {
        const event = parse(line)
        if (event !== null) yield event
      }
      if (ended) return
      if (!over.aborted) await wake.promise
    }
  } finally {
    over.removeEventListener('abort', onOver)
    watcher.close()
  }
}

/** All that a rank has said; what is no event is passed over. */
export async function readEvents(directory: string, rank: number): Promise<WorkerEvent[]> {
  return (await reader(join(directory, `events.${rank}.jsonl`))()).flatMap((line) => parse(line) ?? [])
}

/** Reads the lines that were completed since the last time. */
function reader(path: string): () => Promise<string[]> {
  let offset = 0
  let rest = Buffer.alloc(0)
  return async () => {
    const file = await open(path).catch(() => null)
    if (file === null) return []
    try {
      const { size } = await file.stat()
      const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.max(0, size - offset)), { position: offset })
      offset += bytesRead
      const all = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
      const end = all.lastIndexOf('\n') + 1
      rest = all.subarray(end)
      return all.toString('utf8', 0, end).split('\n').slice(0, -1)
    } finally {
      await file.close()
    }
  }
}

function parse(line: string): WorkerEvent | null {
  try {
    return WorkerEvent.safeParse(JSON.parse(line)).data ?? null
  } catch {
    return null
  }
}
