import { expect, test } from 'vitest'
import { type Lab, untilWritten } from '../lab.ts'

export function logs(lab: Lab): void {
  test('a flood keeps its first and last lines', async () => {
    const attempt = await lab.start(['flood', '50000'], { logBytes: 100_000 }) // 5 MB
    await untilWritten(lab.engine, attempt, 'stdout.0.log', 'the end\nready\n')
    const log = lab.read(attempt, 'stdout.0.log')
    expect(log.length).toBeLessThanOrEqual(100_000)
    const lines = log.trimEnd().split('\n')
    const cut = lines.findIndex((line) => line.startsWith('[…'))
    const dropped = Number(/([\d,]+) bytes dropped/.exec(lines[cut] ?? '')?.[1]?.replaceAll(',', ''))
    const kept = [...lines.slice(0, cut), ...lines.slice(cut + 1)]
    expect(kept.join('\n').length + 1 + dropped).toBe(5_000_000 + 'the end\nready\n'.length)
    expect(kept.slice(0, 400).map(Number)).toEqual(Array.from({ length: 400 }, (_, i) => i))
    expect(Number(kept.at(-3))).toBe(49_999)
    await lab.kill(attempt)
  })
}
