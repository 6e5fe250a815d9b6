import { createHash, randomBytes } from 'node:crypto'
import { cp, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const source = fileURLToPath(new URL('../../../worker-images/launcher/', import.meta.url))

/** Puts the launcher where nodes find it, a folder for each version of it. Returns the path of the program. */
export async function placeLauncher(folder: string): Promise<string> {
  const names = (await readdir(source, { recursive: true })).filter((name) => name.endsWith('.py')).sort()
  const hash = createHash('sha256')
  for (const name of names) hash.update(`${name}\0`).update(await readFile(join(source, name)))
  const target = join(folder, hash.digest('hex').slice(0, 16))
  const program = join(target, 'launcher/__main__.py')
  if (await isThere(program)) return program
  const temporary = `${target}.${randomBytes(6).toString('hex')}`
  for (const name of names) await cp(join(source, name), join(temporary, 'launcher', name))
  try {
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    if (!(await isThere(program))) throw error // else another one was first, with the same
  }
  return program
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )
