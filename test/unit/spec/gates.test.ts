import { describe, expect, test } from 'vitest'
import { parseGate } from '../../../orchestrator/spec/gates/parse-gate.ts'
import { changed, complaints, parsed, text } from './fixtures.ts'

describe('a gate', () => {
  test.each([
    ['recipe success(full) >= success(baseline) - 0.03 at 95%', 'recipe', '>=', 'baseline', -0.03, 0.05],
    ['success(full) > success(no-depth-expert) at 99%', 'recipe', '>', 'no-depth-expert', 0, 0.01],
    ['policy success(full)>=success(base)+3 points', 'policy', '>=', 'base', 0.03, 0.05],
    ['depth.absrel(full) <= 0.12', 'recipe', '<=', null, 0.12, 0.05],
    ['success(full, lr 0.1) >= 85%', 'recipe', '>=', null, 0.85, 0.05],
    ['latency.p50(full) <= 210ms', 'recipe', '<=', null, 0.21, 0.05],
    ['latency.p50_ms(full) <= 210 ms at 90%', 'recipe', '<=', null, 210, 0.1],
    ['policy(full) < -1.5e-3', 'recipe', '<', null, -0.0015, 0.05],
  ])('%s is read', (written, kind, operator, second, offset, level) => {
    const gate = parseGate(written)
    expect(gate).toMatchObject({ text: written, kind, operator })
    expect(gate.second?.variant ?? null).toBe(second)
    expect(gate.offset).toBeCloseTo(offset, 12)
    expect(gate.level).toBeCloseTo(level, 12)
  })

  test.each([
    ['recipy success(full) >= 0.9', 1, "did you mean 'recipe'?"],
    ['success(full) => 0.9', 15, "did you mean '>='?"],
    ['success(full) == 0.9', 15, 'exactly equal'],
    ['success >= 0.9', 9, "expected '('"],
    ['success(full >= 0.9', 20, "expected ')'"],
    ['success() >= 0.9', 9, 'the name of a row'],
    ['success(full) >= 3 pionts', 20, "did you mean 'points'?"],
    ['success(full) >= 0.9 at 95', 27, "expected '%'"],
    ['success(full) >= 0.9 at 5%', 25, 'from 50%'],
    ['success(full) >= 0.9 or so', 22, "no unit 'or'"],
    ['success(full) >= success(base) - 0.03 at 95% process.exit()', 46, "found 'process.exit'"],
    ['success(full) >= absrel(base)', 1, 'the same metric'],
    ['success(full); drop', 14, "found ';'"],
    ['', 1, 'found the end'],
  ])('%j is refused where it is wrong', (written, at, message) => {
    expect(() => parseGate(written)).toThrow(expect.objectContaining({ at, message: expect.stringContaining(message) }))
  })
})

describe('gates of a file', () => {
  const withGates = (gates: string) => `${text}report: { rows: recipe, baseline: bare }\ngates:\n${gates}`

  test('are read, with what undecided counts as, and those of the command line after them', () => {
    const file = withGates(
      '  - crust(plain) >= crust(baseline)\n  - { gate: policy crust(bare) >= 9 points, undecided: fail, until: { trials: 400 } }\n',
    )
    expect(parsed({ text: file, gates: ['crumb(plain) < 2'] }).gates).toMatchObject([
      { kind: 'recipe', second: { variant: 'bare' }, undecided: 'undecided', until: null },
      { kind: 'policy', first: { variant: 'bare' }, offset: 0.09, undecided: 'fail', until: { trials: 400 } },
      { first: { metric: 'crumb', variant: 'plain' } },
    ])
    expect(parsed().gates).toEqual([])
  })

  test.each([
    ['  - crust(plane) >= 1\n', "gate, at character 7: no row or cell 'plane'; did you mean 'plain'?"],
    ['  - crust(plain) >> 1\n', 'gate, at character 14: '],
    ['  - 3\n', 'gates[0]: expected a gate'],
    ['  - { gate: crust(plain) >= 1, undecided: maybe }\n', "expected 'pass', 'fail' or 'undecided'"],
  ])('%j is told where it stands', (gates, message) => {
    expect(complaints({ text: withGates(gates) })).toEqual([expect.stringContaining(message)])
    expect(complaints({ text: withGates(gates) })[0]).toMatch(/^jobs\/a\.yaml:\d+:\d+ /)
  })

  test('of the command line are told there, and of policies name one', () => {
    expect(complaints({ gates: ['crust(plane) >= 1'] })[0]).toMatch(
      /^--gate 'crust\(plane\) >= 1' gate, at character 7/,
    )
    const seeds = changed(['matrix:\n', 'matrix:\n  seed: [0, 1]\n'])
    const file = `${seeds}report: { rows: recipe }\n`
    expect(complaints({ text: file, gates: ['policy crust(plain) >= 1'] })[0]).toContain('is 2 policies')
    expect(complaints({ text: file, gates: ['policy crust(0,plain) >= 1'] })).toEqual([])
  })
})
