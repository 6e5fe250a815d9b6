import { createHash } from 'node:crypto'
import { cp, mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { OrchestrateError } from '../../errors.ts'
import { checkout } from '../../server/settings.ts'
import { readWorker } from '../submit/submit.ts'

/** What a build is given to read, and nothing else of this machine. */
export type BuildContext = {
  folder: string
  /** Where the runtime leaves the id of what it built. */
  idFile: string
  /** Of the worker, as its worker.json says. */
  name: string
  /** SHA-256 of all of the worker's code, and of its lock: as planning knows it. */
  code: string
  lock: string
}

const recipe = join(checkout, 'worker-images')

/** Runs `use` with a folder that holds the Containerfile and what it copies; gone afterwards. */
export async function withBuildContext<T>(worker: string, use: (context: BuildContext) => Promise<T>): Promise<T> {
  const { pack, description } = await readWorker(worker, '.')
  const { name, lock, package: inside } = description
  const digest = lock === undefined ? undefined : pack.files[lock]
  if (lock === undefined || digest === undefined)
    throw new OrchestrateError('WORKER_INVALID', `${worker}: worker.json names no \`lock\`: what should be installed?`)
  const scratch = await mkdtemp(join(tmpdir(), 'orchestrate-image-'))
  const folder = join(scratch, 'context')
  try {
    await Promise.all(
      ['Containerfile', 'image'].map((part) => cp(join(recipe, part), join(folder, part), { recursive: true })),
    )
    const lockFile = pack.contents.get(digest) as Buffer
    await writeAlike(join(folder, 'requirements.lock'), lockFile)
    for (const [place, hash] of Object.entries(pack.files))
      await writeAlike(join(folder, 'code', inside ?? '', place), pack.contents.get(hash) as Buffer)
    return await use({ folder, idFile: join(scratch, 'id'), name, code: hashOf(pack.files), lock: digest })
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** With one time for all: the same content is the same layer, whenever it was written. */
async function writeAlike(path: string, content: Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content, { mode: 0o644 })
  await utimes(path, 0, 0)
}

function hashOf(files: Record<string, string>): string {
  const lines = Object.entries(files)
    .map(([place, digest]) => `${digest}  ${place}\n`)
    .sort()
  return createHash('sha256').update(lines.join('')).digest('hex')
}
