import { expect, test } from 'vitest'
import { classifyExit } from '../../../../../orchestrator/run/classify-exit.ts'
import { type Lab, look, never } from '../lab.ts'

const MIB = 1 << 20

export function limits(lab: Lab): void {
  /** What the control plane would make of it. */
  const outcome = async (attempt: string, memory: number | null) => {
    await lab.engine.ended(attempt, never())
    const seen = await look(lab.engine, attempt)
    if (seen?.state !== 'exited') throw new Error(`${JSON.stringify(seen)}`)
    const silent = { stopping: null, found: null, failed: null, committed: false, tail: '', diskFull: false }
    return classifyExit({ ...silent, exit: seen.exit, attempt, memory })
  }

  test('an attempt has only its time', async () => {
    const attempt = await lab.start(['listen'], { time: 3, ranks: 2 })
    expect(await outcome(attempt, null)).toMatchObject({ kind: 'crashed', error: { code: 'TIME_LIMIT' } })
  })

  test('an attempt has only its memory', async () => {
    const memory = 192 * MIB
    const attempt = await lab.start(['eat', `${512 * MIB}`], { memory, ranks: 2 })
    expect(await outcome(attempt, memory)).toMatchObject({ kind: 'outOfMemory', error: { code: 'OUT_OF_MEMORY' } })
  })
}
