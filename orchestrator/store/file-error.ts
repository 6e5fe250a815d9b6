import { OrchestrateError } from '../errors.ts'

/** The errno of a failed system call, or ''. */
export const errno = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

/** Runs an operation on files and says what went wrong in the store's terms. */
export async function inFolder<T>(root: string, doing: 'read' | 'write', work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw translate(error, root, doing)
  }
}

export function translate(error: unknown, root: string, doing: 'read' | 'write'): unknown {
  const say = (code: ConstructorParameters<typeof OrchestrateError>[0], what: string) =>
    new OrchestrateError(code, `${root}: ${what} (${errno(error)})`, { cause: error })
  switch (errno(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return say('STORE_FULL', 'no space is left for the store')
    case 'EROFS':
      return say('STORE_UNWRITABLE', 'the store is on a read-only file system')
    case 'EACCES':
    case 'EPERM':
      return doing === 'write'
        ? say('STORE_UNWRITABLE', 'the store may not be written by this user')
        : say('STORE_DENIED', 'the store may not be read by this user')
    case 'ENAMETOOLONG':
      return say('KEY_INVALID', 'a key is too long for this file system')
    case 'EISDIR':
    case 'ENOTDIR':
    case 'EEXIST':
      return doing === 'write'
        ? say('STORE_UNWRITABLE', 'a file is where the store needs a folder, or a folder where it needs a file')
        : error
    case 'EIO':
    case 'ESTALE':
    case 'ENOTCONN':
    case 'ENODEV':
    case 'EHOSTDOWN':
    case 'ETIMEDOUT':
      return say('STORE_UNREACHABLE', 'the file system of the store does not answer')
    default:
      return error
  }
}

/** Runs work that fills a place on this host, outside of the store, and says what went wrong there. */
export async function onThisHost<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const say = (code: 'DISK_FULL' | 'STATE_UNWRITABLE', what: string) =>
      new OrchestrateError(code, `${path}: ${what} (${errno(error)})`, { cause: error })
    if (isFull(error)) throw say('DISK_FULL', 'no space is left')
    if (isForbidden(error)) throw say('STATE_UNWRITABLE', 'it may not be written')
    throw error
  }
}

const isFull = (error: unknown) => ['ENOSPC', 'EDQUOT'].includes(errno(error))
const isForbidden = (error: unknown) => ['EACCES', 'EPERM', 'EROFS'].includes(errno(error))

/** Whether it is a file on this host that failed, not a connection. */
export const isLocal = (error: unknown) =>
  isFull(error) ||
  isForbidden(error) ||
  ['ENOENT', 'EIO', 'EMFILE', 'ENOTDIR', 'EISDIR', 'EEXIST'].includes(errno(error))
