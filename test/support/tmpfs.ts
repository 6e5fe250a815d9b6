import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A file system of its own in a folder; returns the way to take it away again. */
export async function mounted(path: string, options: string): Promise<() => unknown> {
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path])
  return () => execFileSync('umount', [path])
}

export function canMount(): boolean {
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
