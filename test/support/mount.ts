import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmod } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'vitest'
import { leftOut } from './left-out.ts'

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

const isRoot = process.getuid?.() === 0

const mayMount = canMount()

/** Tests on small file systems of their own: root may mount them, outside of most containers. */
export function testMounting(title: string, work: () => Promise<void>): void {
  const missing = mayMount
    ? null
    : isRoot
      ? 'root may not mount a tmpfs in this container'
      : 'needs root, who may mount a tmpfs'
  const { skip, title: shown } = leftOut(title, missing, { installable: false })
  test.skipIf(skip)(shown, work)
}

/** Tests of what may not be written to: only root needs a mount for that. */
export const testReadOnly = isRoot ? testMounting : test
