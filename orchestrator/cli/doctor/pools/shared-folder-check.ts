import { access, constants } from 'node:fs/promises'
import { execa } from 'execa'
import { makeFolder } from '../../../server/make-folder.ts'
import { asRoot, type Check, missing, ok } from '../check.ts'

/** A folder that other hosts have to see too: writable from here, and on what kind of file system. */
export async function sharedFolderCheck(title: string, folder: string): Promise<Check> {
  try {
    makeFolder(folder)
    await access(folder, constants.W_OK | constants.X_OK)
  } catch (error) {
    const line = `${asRoot(`install -d -o "$USER" '${folder}'`)}   # where all nodes mount the same file system`
    return missing(title, `${folder} can't be written from here: ${(error as Error).message}`, line)
  }
  const { stdout } = await execa('stat', ['--file-system', '--format=%T', folder], { reject: false })
  return ok(title, `${folder} (${stdout || 'file system unknown'}), writable; that nodes see it too, they have to say`)
}
