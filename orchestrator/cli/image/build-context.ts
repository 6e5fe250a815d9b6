import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
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
  /** SHA-256 of all that an environment is made with, but for the arguments of the build. */
  recipe: string
}

const recipes = join(checkout, 'worker-images')
const RECIPE = ['Containerfile', 'image/install-packages.sh', 'image/install-python.sh', 'image/sbom.py']

/** Runs `use` with a folder that holds the recipes and what they copy; gone afterwards. */
export async function withBuildContext<T>(worker: string, use: (context: BuildContext) => Promise<T>): Promise<T> {
  const { pack, description } = await readWorker(worker, '.')
  const { name, lock: lockFile, package: inside } = description
  const lock = lockFile === undefined ? undefined : pack.files[lockFile]
  if (lock === undefined)
    throw new OrchestrateError('WORKER_INVALID', `${worker}: worker.json names no \`lock\`: what should be installed?`)
  const scratch = await mkdtemp(join(tmpdir(), 'orchestrate-image-'))
  const folder = join(scratch, 'context')
  const write = (place: string, content: Buffer) => writeAlike(join(folder, place), content)
  try {
    const made: Record<string, string> = { 'requirements.lock': lock }
    for (const place of [...RECIPE, 'Containerfile.code']) {
      const content = await readFile(join(recipes, place))
      await write(place, content)
      if (RECIPE.includes(place)) made[place] = createHash('sha256').update(content).digest('hex')
    }
    await write('requirements.lock', pack.contents.get(lock) as Buffer)
    for (const [place, digest] of Object.entries(pack.files))
      await write(join('code', inside ?? '', place), pack.contents.get(digest) as Buffer)
    return await use({
      ...{ folder, idFile: join(scratch, 'id'), name },
      ...{ code: hashOf(pack.files), lock, recipe: hashOf(made) },
    })
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

/** Of digests by name, in any order. */
function hashOf(digests: Record<string, string>): string {
  const lines = Object.entries(digests)
    .map(([name, digest]) => `${digest}  ${name}\n`)
    .sort()
  return createHash('sha256').update(lines.join('')).digest('hex')
}
