import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A new attempt directory that no control plane knows of. */
export async function makeScratch(folder: string, attempt: string): Promise<{ name: string; directory: string }> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  for (let n = 1; ; n += 1) {
    const name = `${attempt}-debug-${n}`
    const directory = join(folder, name)
    const made = await mkdir(directory).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false
        throw error
      },
    )
    if (!made) continue
    for (const inside of ['outputs', 'samples']) await mkdir(join(directory, inside))
    return { name, directory }
  }
}

/** Secrets in a file for this user alone; null when there are none. */
export async function writeSecrets(directory: string, values: Record<string, string>): Promise<string | null> {
  if (Object.keys(values).length === 0) return null
  const path = join(directory, 'secrets.json')
  await writeFile(path, JSON.stringify(values), { mode: 0o600 })
  return path
}
