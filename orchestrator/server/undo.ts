import type { Logger } from 'pino'

/** Things to undo at the end, last first. */
export type Undo = (() => unknown)[]

/** Undoes everything, whatever fails on the way. */
export async function unwind(undo: Undo, log: Logger): Promise<void> {
  for (let step = undo.pop(); step; step = undo.pop()) {
    try {
      await step()
    } catch (error) {
      log.warn({ err: error }, 'stopping')
    }
  }
}
