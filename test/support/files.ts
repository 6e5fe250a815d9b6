import { existsSync, watch } from 'node:fs'
import { dirname } from 'node:path'

/** Resolves when the file is there; its folder must be. */
export function untilExists(path: string): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!existsSync(path)) return
      watcher.close()
      resolve()
    }
    const watcher = watch(dirname(path), look)
    look()
  })
}
