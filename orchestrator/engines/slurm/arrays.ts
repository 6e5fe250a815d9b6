import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'

/** Lists of job arrays on the shared file system: a line for each task, the directory of its attempt. */
export class Arrays {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Written before the array is submitted: its tasks find their attempts in it. Returns its path. */
  async write(name: string, directories: readonly string[]): Promise<string> {
    await mkdir(this.#folder, { recursive: true })
    const path = join(this.#folder, name)
    await writeFile(path, directories.map((directory) => `${directory}\n`).join(''), { flag: 'wx' })
    return path
  }

  /** Where what tasks print before they know their attempt goes, in sbatch's words. */
  output(name: string): string {
    return join(this.#folder, `${name}.%a.log`)
  }

  async attempts(name: string): Promise<string[]> {
    const text = await readFile(join(this.#folder, name), 'utf8').catch(() => '')
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => basename(line))
  }

  /** Removes an array of which no attempt is there any more. */
  async forget(name: string, isThere: (attempt: string) => boolean): Promise<void> {
    if ((await this.attempts(name)).some(isThere)) return
    for (const file of await readdir(this.#folder).catch(() => []))
      if (file === name || file.startsWith(`${name}.`)) await rm(join(this.#folder, file), { force: true })
  }
}
