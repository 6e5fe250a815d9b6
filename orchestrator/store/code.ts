import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { OrchestrateError } from '../errors.ts'
import { concurrently } from './concurrently.ts'
import type { HostCache } from './host-cache.ts'
import { checkKey } from './key.ts'
import { layout } from './layout.ts'
import { writeNew } from './local-file.ts'
import type { Store } from './store.ts'

const sha256Of = (body: Uint8Array) => createHash('sha256').update(body).digest('hex')

/** Those of the blobs that the store lacks. */
export async function missingBlobs(store: Store, digests: string[]): Promise<string[]> {
  const found = await concurrently(new Set(digests), async (digest) =>
    (await store.head(layout.blob(digest))) ? [] : [digest],
  )
  return found.flat()
}

/** Keeps a blob under its hash, which it returns; refuses one whose hash isn't the expected. */
export async function putBlob(store: Store, content: Uint8Array | string, expected?: string): Promise<string> {
  const body = Buffer.from(content)
  const digest = sha256Of(body)
  if (expected !== undefined && digest !== expected)
    throw new OrchestrateError('ARGUMENT_INVALID', `the blob has SHA-256 ${digest}, not ${expected}`)
  const key = layout.blob(digest)
  if ((await store.head(key)) === null) await store.create(key, body) // to look is cheaper than to write
  return digest
}

/** A blob, verified, or null if there is none. */
export async function getBlob(store: Store, digest: string): Promise<Buffer | null> {
  const key = layout.blob(digest)
  const body = await store.get(key)
  if (body !== null && sha256Of(body) !== digest)
    throw new OrchestrateError('OBJECT_DAMAGED', `${store.url}/${key} does not have the content that it is named by`)
  return body
}

/**
 * Lays out a snapshot of code, once, and returns its folder. The files are copies of their own, not links, so that
 * nothing an attempt does can reach the store. They are read-only; their folders are not, so that Python can keep
 * its compiled modules there and a user can delete the state directory.
 */
export async function materialiseCode(
  store: Store,
  code: { digest: string; files: Record<string, string> },
  snapshots: HostCache,
  attempt: string,
): Promise<string> {
  const fill = async (folder: string): Promise<void> => {
    await concurrently(Object.entries(code.files), async ([path, digest]) => {
      const body = await getBlob(store, digest)
      if (body === null) throw new OrchestrateError('OBJECT_MISSING', `${path} of the code is not in ${store.url}`)
      const file = join(folder, checkKey(path))
      await mkdir(dirname(file), { recursive: true })
      await writeNew(file, body, isScript(body) ? 0o555 : 0o444)
    })
  }
  return snapshots.use(code.digest, attempt, { fill })
}

const isScript = (body: Buffer) => body.subarray(0, 2).toString() === '#!'
