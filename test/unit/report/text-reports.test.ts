import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import type { ReportInput } from '../../../orchestrator/report/input.ts'
import { reportJson } from '../../../orchestrator/report/json.ts'
import { md, reportMarkdown } from '../../../orchestrator/report/markdown.ts'
import { reportLines } from '../../../orchestrator/report/terminal.ts'
import { reportInput, trialsOf } from '../../fixtures/report/report-input.ts'

const named = (name: string): ReportInput => {
  const cells = reportInput().cells.map((cell) =>
    cell.name === 'full' ? { ...cell, name, values: { variant: name } } : cell,
  )
  return reportInput({ cells, trials: { [name]: trialsOf([]), 'no-depth-expert': trialsOf([]) } })
}

describe('on a terminal', () => {
  test('a run ends with its head, its table and what it shows', () => {
    expect(reportLines(reportInput(), { colour: false, width: 130 })).toEqual([
      '✔ quickstart · r-7k2p4 · 9m 41s',
      '  goodput 74% (training 9:57, saving 0:05, starting 0:57, queueing 1:58, restarting 0:08, lost 0:21 (63 steps))',
      '',
      '  variant          button-press-topdown  drawer-open      mean                      absrel (best constant 0.41)',
      '  full             20/20 [84, 100]       19/20 [76, 99]   39/40 97.5% [87.1, 99.6]  0.26',
      '  no-depth-expert  20/20 [84, 100]       20/20 [84, 100]  40/40 100%  [91.2, 100]   –',
      '  untrained        0/20  [0, 16]         0/20  [0, 16]    0/40  0%    [0, 8.8]      –',
      '  expert           20/20 [84, 100]       20/20 [84, 100]  40/40 100%  [91.2, 100]   –',
      '  All rows: purpose: example.',
      '  full against no-depth-expert: no difference shown (exact McNemar p = 1.00, 40 paired trials, one seed: policies, not recipes)',
    ])
  })

  test.each([130, 110, 90, 76])('in %i columns no line is too wide, and the counts stay', (width) => {
    const lines = reportLines(reportInput(), { colour: false, width })
    expect(Math.max(...lines.map((line) => stringWidth(line)))).toBeLessThanOrEqual(width)
    expect(lines.join('\n')).toMatch(/39\/40/)
  })

  test('colour is there only when asked for', () => {
    expect(reportLines(reportInput(), { colour: false, width: 100 }).join('')).not.toContain('\u001b')
    expect(reportLines(reportInput(), { colour: true, width: 100 }).join('')).toContain('\u001b')
  })

  test('a name can’t move the cursor', () => {
    expect(reportLines(named('\u001b[2Jfull\r\n\u0007'), { colour: false, width: 100 }).join('')).not.toMatch(/\p{Cc}/u)
  })

  test('a failed cell is marked where its figures would be', () => {
    const { cells, run } = reportInput()
    const failed = cells.map((cell) =>
      cell.name === 'full' ? { ...cell, state: 'failed' as const, metrics: {} } : cell,
    )
    const lines = reportLines(
      reportInput({ run: { ...run, state: 'failed' }, cells: failed, trials: { 'no-depth-expert': trialsOf([]) } }),
      { colour: false, width: 130 },
    )
    expect(lines[0]).toContain('✘ quickstart · r-7k2p4 · failed')
    expect(lines[4]?.trim().split(/ {2,}/)).toEqual(['full (failed)', '–', '–', '–'])
    expect(lines.at(-1)).toBe('  full against no-depth-expert: not compared, full failed before its trials')
  })

  test('a run without cells is one line', () => {
    expect(
      reportLines(reportInput({ cells: [], jobs: [], trials: {}, goodput: null }), { colour: false, width: 100 }),
    ).toHaveLength(1)
  })
})

describe('as Markdown', () => {
  const text = reportMarkdown(reportInput()).replaceAll('\u00a0', ' ')

  test('it has the sentence, the table, the comparison and the jobs', () => {
    expect(text.split('\n').slice(0, 12)).toEqual([
      '# quickstart · r-7k2p4',
      '',
      '**full succeeds in 39/40 trials (97.5 %), no-depth-expert in 40/40 (100 %): −2.5 points, 95 % interval \\[−12.9, +6.5\\], no difference shown.**',
      '',
      'Exact McNemar on 40 paired trials: full alone solved 0, no-depth-expert alone 1; p = 1.00.',
      '',
      '| variant | button-press-topdown-v3 | drawer-open-v3 | mean | absrel (best constant 0.41) |',
      '| :-- | --: | --: | --: | --: |',
      '| full | 20/20 · 100 % \\[83.9, 100\\] | 19/20 · 95.0 % \\[76.4, 99.1\\] | 39/40 · 97.5 % \\[87.1, 99.6\\] | 0.26 |',
      '| no-depth-expert (baseline) | 20/20 · 100 % \\[83.9, 100\\] | 20/20 · 100 % \\[83.9, 100\\] | 40/40 · 100 % \\[91.2, 100\\] | – |',
      '| untrained | 0/20 · 0 % \\[0, 16.1\\] | 0/20 · 0 % \\[0, 16.1\\] | 0/40 · 0 % \\[0, 8.8\\] | – |',
      '| expert | 20/20 · 100 % \\[83.9, 100\\] | 20/20 · 100 % \\[83.9, 100\\] | 40/40 · 100 % \\[91.2, 100\\] | – |',
    ])
    expect(text).toContain(
      '- full against no-depth-expert: no difference shown (exact McNemar p = 1.00, 40 paired trials, one seed: policies, not recipes)',
    )
    expect(text).toContain('| train\\[full\\] | `1114be1` | succeeded | 2 | 3:51 | 0:12 |')
  })

  test('no per cent stands without its n', () => {
    const cells = text.split('\n').flatMap((line) => (line.startsWith('|') ? line.split(' | ') : []))
    const shares = cells.filter((cell) => cell.includes('%'))
    expect(shares.length).toBeGreaterThan(0)
    for (const share of shares) expect(share).toMatch(/\d+\/\d+ · /)
  })

  test.each([
    ['a | b', 'a \\| b'],
    ['<script>', '&lt;script&gt;'],
    ['[x](javascript:y)', '\\[x\\](javascript:y)'],
    ['two\nlines', 'two lines'],
    ['`code` *bold* _it_', '\\`code\\` \\*bold\\* \\_it\\_'],
    ['1. one', '\\1. one'],
  ])('%j is written %j', (given, written) => {
    expect(md(given)).toBe(written)
  })
})

describe('as JSON', () => {
  test('every figure has its n and interval, and there are no pictures', () => {
    const report = JSON.parse(reportJson(reportInput()))
    expect(report.table.rows[0].mean).toEqual({
      k: 39,
      n: 40,
      wilson95: [expect.closeTo(0.8712, 4), expect.closeTo(0.9956, 4)],
    })
    expect(report.comparisons[0]).toMatchObject({
      row: 'full',
      tested: true,
      p: 1,
      n: 40,
      verdict: 'no difference shown',
    })
    expect(report.jobs).toHaveLength(9)
    expect(report.run).toMatchObject({ id: 'r-7k2p4', endedAt: '2026-11-22T21:13:52.000Z' })
    expect(reportJson(reportInput())).not.toContain('base64')
  })

  test('a refused comparison says why', () => {
    const report = JSON.parse(reportJson(reportInput({ trials: { full: trialsOf([]) } })))
    expect(report.comparisons).toEqual([
      expect.objectContaining({ tested: false, reason: expect.stringContaining('no records of single trials') }),
    ])
  })
})
