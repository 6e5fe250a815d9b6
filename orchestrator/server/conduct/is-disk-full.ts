import { statfs } from 'node:fs/promises'

const TOO_LITTLE = 1 << 20

/** Whether the disk below a folder has too little room for anybody to go on; no, where it can't be told. */
export async function isDiskFull(folder: string): Promise<boolean> {
  try {
    const { bavail, blocks, bsize } = await statfs(folder)
    return bavail * bsize < Math.min(TOO_LITTLE, (blocks * bsize) / 16)
  } catch {
    return false
  }
}
