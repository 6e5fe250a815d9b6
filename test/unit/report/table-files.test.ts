import { describe, expect, test } from 'vitest'
import { reportCsv } from '../../../orchestrator/report/csv.ts'
import { reportLatex } from '../../../orchestrator/report/latex.ts'
import { reportInput, trialsOf } from '../../fixtures/report/report-input.ts'

const renamed = (name: string) =>
  reportInput({
    cells: reportInput().cells.map((cell) =>
      cell.name === 'full' ? { ...cell, name, values: { variant: name } } : cell,
    ),
    trials: { [name]: trialsOf([]), 'no-depth-expert': trialsOf([]) },
  })

describe('as CSV', () => {
  test('every figure is a line with its count and interval, and what is missing is empty', () => {
    const lines = reportCsv(reportInput()).split('\r\n')
    expect(lines[0]).toBe('run,row,kind,baseline,state,column,k,n,value,lower95,upper95,notes')
    expect(lines[2]).toMatch(/^r-7k2p4,full,cell,no,succeeded,drawer-open-v3,19,20,0\.95,0\.7638\d*,0\.9911\d*,$/)
    expect(lines.filter((line) => line.includes(',mean,'))).toHaveLength(4)
    expect(lines).toContain('r-7k2p4,no-depth-expert,cell,yes,succeeded,depth.absrel.random_camera,,,,,,')
    expect(lines.at(-1)).toBe('')
  })

  test.each([
    ['a,b', '"a,b"'],
    ['say "a"\nb', '"say ""a""\nb"'],
    ['=1+1', "'=1+1"],
    ['@sum', "'@sum"],
    ['-3', '-3'],
  ])('a row called %j is a field, and no formula', (name, written) => {
    expect(reportCsv(renamed(name))).toContain(`r-7k2p4,${written},cell,`)
  })
})

describe('as LaTeX', () => {
  test('it is one tabular with the rows, the intervals, and the test as a note', () => {
    const text = reportLatex(reportInput())
    expect(text).toContain('full & 20/20 $100$ [83.9, 100.0] & 19/20 $95.0$ [76.4, 99.1] & 39/40 $97.5$ [87.1, 99.6]')
    expect(text).toContain('no-depth-expert (baseline) & 20/20')
    expect(text).toContain('% full against no-depth-expert: no difference shown (exact McNemar p = 1.00')
    const lines = text.split('\n').filter((line) => line.endsWith('\\\\'))
    expect(new Set(lines.map((line) => line.split(' & ').length)).size).toBe(1)
  })

  test('a name is no command', () => {
    const text = reportLatex(renamed('50%_of\\input{x}\n$y$ & #'))
    expect(text).toContain('50\\%\\_of\\textbackslash{}input\\{x\\} \\$y\\$ \\& \\# &')
    for (const line of text.split('\n')) expect(line).toMatch(/^(%|\\|[^\\]*& )|^50|^$|.*\\\\$/)
  })
})
