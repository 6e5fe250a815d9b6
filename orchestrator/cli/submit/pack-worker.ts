import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { OrchestrateError } from '../../errors.ts'

/**
 * The files of a worker's folder by place (with `/`), each with the SHA-256 of its content; and the contents as they were then:
 * somebody may be editing.
 */
export type WorkerPack = { files: Record<string, string>; contents: Map<string, Buffer> }

const atMost = 64 * 1024 ** 2

/** Reads and hashes a worker's folder: its code and what lies beside it, not what Python or an editor left there. */
export async function packWorker(folder: string): Promise<WorkerPack> {
  const places = (await placesUnder(folder, '')).sort()
  if (!places.includes('worker.json')) throw new OrchestrateError('WORKER_INVALID', `${folder} has no worker.json`)
  const pack: WorkerPack = { files: {}, contents: new Map() }
  const contents = await Promise.all(places.map((place) => readSmall(join(folder, place))))
  for (const [index, place] of places.entries()) {
    const content = contents[index] as Buffer
    const digest = createHash('sha256').update(content).digest('hex')
    pack.files[place] = digest
    pack.contents.set(digest, content)
  }
  return pack
}

async function placesUnder(folder: string, under: string): Promise<string[]> {
  const entries = await readdir(join(folder, under), { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
    throw new OrchestrateError(
      'INPUT_NOT_FOUND',
      `the worker's folder ${folder} can't be read: ${cause.code ?? cause.message}`,
      { cause },
    )
  })
  const found = await Promise.all(
    entries
      .filter(({ name }) => !isLeftOver(name))
      .map(async (entry) => {
        const place = under === '' ? entry.name : `${under}/${entry.name}`
        if (entry.isDirectory()) return placesUnder(folder, place)
        // A link to a file stands for its content; one to a folder could lead anywhere, in circles too.
        const isFile =
          entry.isFile() ||
          (entry.isSymbolicLink() && (await stat(join(folder, place)).catch(() => null))?.isFile() === true)
        return isFile ? [place] : []
      }),
  )
  return found.flat()
}

const isLeftOver = (name: string): boolean =>
  name.startsWith('.') || ['__pycache__', 'node_modules'].includes(name) || /\.(pyc|pyo|egg-info)$/.test(name)

async function readSmall(path: string): Promise<Buffer> {
  const { size } = await stat(path)
  if (size > atMost) {
    throw new OrchestrateError(
      'WORKER_INVALID',
      `${basename(path)} in the worker's folder has ${Math.round(size / 1024 ** 2)} MiB: code has less than 64; name data under \`data:\` instead (${path})`,
    )
  }
  return readFile(path)
}
