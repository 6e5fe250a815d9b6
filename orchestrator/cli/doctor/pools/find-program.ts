import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/** Where a program is, as a shell would find it. */
export async function findProgram(program: string): Promise<string | null> {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder || '.', program)
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (isThere) return path
  }
  return null
}
