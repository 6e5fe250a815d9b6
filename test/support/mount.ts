import { chmod } from 'node:fs/promises'
import { test } from 'vitest'
import { leftOut } from './left-out.ts'
import { canMount, mounted } from './tmpfs.ts'

export { mounted } from './tmpfs.ts'

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
