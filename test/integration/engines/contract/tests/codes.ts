import { expect, test } from 'vitest'
import { endOf, ends, type Lab } from '../lab.ts'

export function codes(lab: Lab): void {
  test('every rank keeps its own end, and the one that ended the others is named', async () => {
    const attempt = await lab.start(['differ'], { ranks: 4 })
    const exit = await endOf(lab.engine, attempt)
    expect(ends(exit)).toEqual([0, 3, 75, 'SIGKILL'])
    expect(exit).toMatchObject({ attempt, cause: 'ranks', firstBad: 1, message: null })
    expect(exit.ranks.map((rank) => rank.rank)).toEqual([0, 1, 2, 3])
    for (const rank of exit.ranks) {
      expect(rank.endedAt).toBeGreaterThanOrEqual(rank.startedAt)
      expect(rank.peakRss).toBeGreaterThan(1 << 20)
      expect(JSON.parse(lab.read(attempt, `exit.${rank.rank}.json`))).toEqual(rank)
    }
  })

  test.each([0, 3, 75, 255])('exit code %i is kept', async (code) => {
    const exit = await endOf(lab.engine, await lab.start(['leave', `${code}`]))
    expect(ends(exit)).toEqual([code])
    expect(exit).toMatchObject({ cause: 'ranks', firstBad: code === 0 ? null : 0 })
  })

  test('a killed rank ends the gang, which would wait for it for ever', async () => {
    const exit = await endOf(lab.engine, await lab.start(['die'], { ranks: 3 }))
    expect(exit).toMatchObject({ cause: 'ranks', firstBad: 1 })
    expect(ends(exit)).toEqual(['SIGTERM', 'SIGKILL', 'SIGTERM'])
  })
}
