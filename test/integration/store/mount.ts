import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmod } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

type Undo = () => unknown

export async function using(undo: Promise<Undo>, work: () => Promise<void>): Promise<void> {
  const end = await undo
  try {
    await work()
  } finally {
    await end()
  }
}

/** Root may write wherever the file system allows it, so for root it takes a file system that does not. */
export async function readOnly(path: string): Promise<Undo> {
  if (isRoot) return mounted(path, 'ro')
  await chmod(path, 0o555)
  return () => chmod(path, 0o755)
}

export async function mounted(path: string, options: string): Promise<Undo> {
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path])
  return () => execFileSync('umount', [path])
}

function canMount(): boolean {
  const probe = join(tmpdir(), `mount-${randomUUID()}`)
  try {
    execFileSync('mkdir', ['-p', probe])
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', probe], { stdio: 'ignore' })
    execFileSync('umount', [probe])
    return true
  } catch {
    return false
  } finally {
    execFileSync('rmdir', [probe])
  }
}

export const isRoot = process.getuid?.() === 0

/** Whether small file systems of our own can be had here: root may, outside of most containers. */
export const mayMount = canMount()
export const needsMount = mayMount ? '' : ' (skipped: needs root with leave to mount a tmpfs)'
