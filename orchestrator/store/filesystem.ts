import { randomUUID } from 'node:crypto'
import { link, readdir, readFile, rename, rm, rmdir, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { OrchestrateError } from '../errors.ts'
import { limits } from '../limits.ts'
import { errno, inFolder } from './file-error.ts'
import { asFolder, byBytes, checkKey, halfWritten, scratch } from './key.ts'
import { digestFile, fillFile, linkOrCopy, makeFolder, syncFile, syncFolder, writeNew } from './local-file.ts'
import { probeStore } from './probe.ts'
import type { ObjectInfo, Store } from './store.ts'

const folderNamesKept = 20_000

const absent = (error: unknown) => ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(errno(error))

/**
 * A store in a folder. An object is a read-only file, written under another name, made durable, and then given its own:
 * by link(2), which refuses a second one, or by rename(2), which replaces. So no reader ever sees half an object.
 */
export function filesystemStore(root: string): Store {
  const at = (key: string) => join(root, checkKey(key))
  const reading = <T>(work: () => Promise<T>) => inFolder(root, 'read', work)
  const writing = <T>(work: () => Promise<T>) => inFolder(root, 'write', work)

  /** A name that begins with the time: what is left behind is swept one day. */
  const scratchFile = () => join(root, scratch, `${Date.now()}-${randomUUID()}`)

  /** Makes a temporary file with `fill`, moves it into place with `place`, and makes both survive a power cut. */
  async function commit(path: string, fill: (temp: string) => Promise<void>, place: (temp: string) => Promise<void>) {
    const temp = scratchFile()
    try {
      await inExistingFolder(temp, () => fill(temp))
      await inExistingFolder(path, () => place(temp))
      await syncUp(dirname(path))
    } finally {
      await unlink(temp).catch(() => {}) // it is gone, or a leftover that does no harm, and is swept one day
    }
  }

  // Folders are made when they turn out to be missing: most are there, and a delete may remove an empty one at any time.
  async function inExistingFolder(path: string, work: () => Promise<void>) {
    for (let tries = 0; ; tries++) {
      try {
        return await work()
      } catch (error) {
        if (errno(error) !== 'ENOENT' || tries === 10) throw error
        for (let up = dirname(path); up.length >= root.length; up = dirname(up)) lasting.delete(up)
        await makeFolder(dirname(path))
      }
    }
  }

  /** Folders whose own names are known to survive a power cut: only what is new in them has still to be made to. */
  const lasting = new Set<string>()

  async function syncUp(folder: string) {
    const unsure: string[] = []
    for (let up = folder; up.length > root.length && !lasting.has(up); up = dirname(up)) unsure.push(up)
    await Promise.all([folder, ...unsure.map(dirname)].map(syncFolder))
    if (lasting.size > folderNamesKept) lasting.clear()
    for (const name of unsure) lasting.add(name)
  }

  /** What lies in a folder, in the order in which S3 lists it: `a.txt` before what is under `a/`. */
  async function entries(folder: string): Promise<string[]> {
    const found = await readdir(join(root, folder), { withFileTypes: true }).catch((error: unknown) => {
      if (absent(error)) return []
      throw error
    })
    return found
      .filter((entry) => (entry.isFile() && !halfWritten.test(entry.name)) || entry.isDirectory())
      .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
      .filter((name) => folder !== '' || name !== `${scratch}/`)
      .sort(byBytes)
  }

  async function* walk(folder: string): AsyncGenerator<string> {
    for (const name of await entries(folder)) {
      if (name.endsWith('/')) yield* walk(folder + name)
      else yield folder + name
    }
  }

  async function head(key: string): Promise<ObjectInfo | null> {
    try {
      const found = await stat(join(root, key))
      return found.isFile() ? { key, size: found.size, modified: found.mtimeMs } : null
    } catch (error) {
      if (absent(error)) return null
      throw error
    }
  }

  const store: Store = {
    url: pathToFileURL(root).href,

    create: (key, body) =>
      writing(async () => {
        const path = at(key)
        let placed = false
        const place = async (temp: string) => {
          await link(temp, path)
          placed = true
        }
        try {
          await commit(path, (temp) => writeNew(temp, body), place)
        } catch (error) {
          if (placed || errno(error) !== 'EEXIST') throw error
          if ((await head(key)) === null) throw error // a folder, not an object
          return 'exists'
        }
        return 'created'
      }),

    put: (key, body) =>
      writing(() =>
        commit(
          at(key),
          (temp) => writeNew(temp, body),
          (temp) => rename(temp, at(key)),
        ),
      ),

    putFile: async (key, path) => {
      await stat(path).catch((error: unknown) => {
        throw new OrchestrateError('INPUT_NOT_FOUND', `${path} cannot be read`, { cause: error })
      })
      return writing(async () => {
        let digest = { size: 0, sha256: '' }
        const fill = async (temp: string) => {
          await linkOrCopy(path, temp)
          await syncFile(temp)
          digest = await digestFile(temp)
        }
        await commit(at(key), fill, (temp) => rename(temp, at(key)))
        return digest
      })
    },

    putLog: (key, path) =>
      writing(async () => {
        const temp = scratchFile()
        try {
          await inExistingFolder(temp, () => linkOrCopy(path, temp))
          await inExistingFolder(at(key), () => rename(temp, at(key)))
        } finally {
          await rm(temp, { force: true }).catch(() => {})
        }
      }),

    get: (key) =>
      reading(async () => {
        try {
          return await readFile(at(key))
        } catch (error) {
          if (absent(error)) return null
          throw error
        }
      }),

    getFile: async (key, path, sha256) => {
      const from = at(key)
      if ((await reading(() => head(key))) === null)
        throw new OrchestrateError('OBJECT_MISSING', `${store.url}/${key} is not there`)
      await fillFile(path, `${store.url}/${key}`, sha256, async (part) => {
        await linkOrCopy(from, part)
        return undefined
      })
    },

    head: (key) => reading(() => head(checkKey(key))),

    digest: (key) =>
      reading(async () => {
        const path = at(key)
        return (await head(key)) === null ? null : digestFile(path)
      }),

    async *list(prefix) {
      for await (const key of walk(asFolder(prefix))) {
        const info = await reading(() => head(key))
        if (info) yield info
      }
    },

    children: (prefix) =>
      reading(async () => {
        const folder = asFolder(prefix)
        const found: string[] = []
        for (const name of await entries(folder)) {
          // An empty folder is no object: S3 would not know of it.
          if (!name.endsWith('/') || !(await walk(folder + name).next()).done) found.push(name)
        }
        return found
      }),

    delete: (key) =>
      writing(async () => {
        const path = at(key)
        await unlink(path).catch((error: unknown) => {
          if (!absent(error)) throw error
        })
        for (let up = dirname(path); up !== root; up = dirname(up)) {
          try {
            await rmdir(up)
            lasting.delete(up)
          } catch {
            return // not empty, or gone already
          }
        }
      }),

    probe: async () => {
      await writing(async () => {
        await makeFolder(root)
        await sweep(join(root, scratch))
      })
      await probeStore(store)
    },
  }
  return store
}

/** Removes the temporary files of long ago; their names begin with the time. */
async function sweep(folder: string) {
  for (const name of await readdir(folder).catch(() => [])) {
    const age = Date.now() - Number.parseInt(name, 10)
    if (age > limits.store.leftoverAge) await rm(join(folder, name), { force: true })
  }
}
