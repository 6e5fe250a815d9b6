import { describe, expect, test } from 'vitest'
import { findings } from '../../../orchestrator/report/findings.ts'
import { reportHtml } from '../../../orchestrator/report/html/report-html.ts'
import type { ReportCell, ReportInput } from '../../../orchestrator/report/input.ts'
import { reportJson } from '../../../orchestrator/report/json.ts'
import { reportMarkdown } from '../../../orchestrator/report/markdown.ts'
import { recipeSentence, recipes } from '../../../orchestrator/report/recipes.ts'
import { studentCritical, studentTwoSided } from '../../../orchestrator/report/stats/student.ts'
import { meanDifference } from '../../../orchestrator/report/stats/welch.ts'
import { reportInput, trialsOf } from '../../fixtures/report/report-input.ts'

describe('Student', () => {
  // The usual table of two-sided 5 % points, and degrees between whole ones as stdlib (stats-base-dists-t-quantile 0.2.3) has them.
  test.each([
    [1, 12.706204736174694],
    [2.7, 3.3921483831737493],
    [4, 2.776445105197794],
    [10, 2.2281388519649385],
    [30, 2.0422724563012373],
    [120, 1.9799304050824413],
  ])('with %d degrees of freedom one in twenty |T| exceeds %d', (degrees, t) => {
    expect(studentCritical(0.05, degrees)).toBeCloseTo(t, 10)
    expect(studentTwoSided(t, degrees)).toBeCloseTo(0.05, 10)
    expect(studentTwoSided(-t, degrees)).toBeCloseTo(0.05, 10)
  })

  test.each([
    [0, 5, 1],
    [-3.2, 7.3, 2 * 0.007119834019329156],
    [12, 3, 2 * (1 - 0.9993774920996054)],
    [1.96, 1e4, 2 * (1 - 0.9749882398840835)],
    [6.5, 60, 2 * (1 - 0.9999999911461649)],
  ])('t = %d with %d degrees has p = %d', (t, degrees, p) => {
    expect(studentTwoSided(t, degrees)).toBeCloseTo(p, 12)
  })
})

const seeds = (...rates: number[]) => rates.map((rate) => ({ k: Math.round(rate * 1000), n: 1000 }))

describe('the difference of recipes', () => {
  test('is Welch’s, as worked out by hand for three seeds a side', () => {
    // Means 0.8 and 0.7, variances 0.01 and 0.0025: se² = (0.01 + 0.0025) / 3, t = 1.549, 2.94 degrees.
    const found = meanDifference(seeds(0.7, 0.8, 0.9), seeds(0.65, 0.7, 0.75))
    expect(found.value).toBeCloseTo(0.1, 12)
    expect(found.degrees).toBeCloseTo(2.941176, 5)
    expect(found.p).toBeCloseTo(studentTwoSided(1.5491933, 2.941176), 6)
    expect(found.upper - found.value).toBeCloseTo(studentCritical(0.05, 2.941176) * 0.0645497, 5)
  })

  test('is never certain, even where all seeds agree', () => {
    const same = meanDifference(seeds(1, 1, 1), seeds(1, 1, 1))
    expect(same).toMatchObject({ value: 0, p: 1 })
    expect(same.upper).toBeGreaterThan(0)
    expect(
      meanDifference(
        [
          { k: 9, n: 10 },
          { k: 9, n: 10 },
        ],
        [
          { k: 7, n: 10 },
          { k: 7, n: 10 },
        ],
      ).p,
    ).toBeGreaterThan(0.1)
  })

  test('needs two seeds', () => {
    expect(() => meanDifference(seeds(1), seeds(0.5, 0.6))).toThrow(RangeError)
  })

  test('is not seen in more than 5 % of comparisons of a recipe with itself', () => {
    let state = 1
    const random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return (state + 0.5) / 2 ** 32
    }
    const normal = () => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random())
    // Seeds vary by 3 points, and each is measured in 120 trials.
    const seed = () => {
      const rate = Math.min(1, Math.max(0, 0.7 + 0.03 * normal()))
      return { k: Array.from({ length: 120 }, random).filter((draw) => draw < rate).length, n: 120 }
    }
    const side = () => [seed(), seed(), seed()]
    const runs = 4000
    const shown = Array.from({ length: runs }, () => meanDifference(side(), side()).p < 0.05).filter(Boolean).length
    expect(shown / runs).toBeLessThan(0.05)
    expect(shown / runs).toBeGreaterThan(0.005) // and the test isn't asleep
  })
})

/** Two recipes with as many seeds, each of which fails so many trials. */
function withSeeds(full: number[], baseline: number[]): ReportInput {
  const [cell] = reportInput().cells as [ReportCell]
  const losing = (n: number) => Array.from({ length: n }, (_, trial) => `drawer-open-v3/${trial}`)
  const cells = [full, baseline].flatMap((fails, index) => {
    const variant = index === 0 ? 'full' : 'no-depth-expert'
    return fails.map((n, seed) => ({ ...cell, name: `${variant}, ${seed}`, values: { variant, seed }, fails: n }))
  })
  return reportInput({
    cells: cells.map(({ fails: _, ...own }) => own),
    trials: Object.fromEntries(cells.map(({ name, fails }) => [name, trialsOf(losing(fails))])),
  })
}

test('three seeds a side are compared as recipes, and every seed is shown', () => {
  const [found] = recipes(withSeeds([0, 1, 1], [12, 14, 13]))
  expect(found && recipeSentence(found)).toMatch(
    /^full against no-depth-expert, as recipes: better, \+30\.8 points \[\+\d+\.\d, \+\d+\.\d\] \(Welch's t over 3 training seeds a side, p [=<] [\d.]+; by seed 100.%, 97\.5.%, 97\.5.% against 70.0.%, 65.0.%, 67\.5.%\)$/,
  )
})

test('fewer seeds, or other trials, are not', () => {
  expect(recipes(withSeeds([0, 1], [12, 14]))).toEqual([])
  const input = withSeeds([0, 1, 1], [12, 14, 13])
  expect(recipes({ ...input, trials: { ...input.trials, 'full, 0': trialsOf([], 18) } })).toEqual([])
})

test('what is known of recipes leads the report, and policies stand in their own table', () => {
  const input = withSeeds([0, 1, 1], [12, 14, 13])
  const found = findings(input)
  expect(found.headline).toMatch(
    /^full succeeds in 98\.3.% of its trials over 3 training seeds, no-depth-expert in 67\.5.%/,
  )
  expect([found.of, found.test]).toEqual([
    'recipe',
    expect.stringMatching(/^Welch’s t over training seeds, 2\.\d degrees/),
  ])
  expect(found.caveats[0]).toContain('3 training seeds a side')
  const page = reportHtml(input)
  expect(page.indexOf('<b>Recipe test.</b>')).toBeGreaterThan(0)
  expect(page.indexOf('Recipes, against no-depth-expert')).toBeLessThan(page.indexOf('Difference to no-depth-expert'))
  expect(reportMarkdown(input).match(/as recipes/g)).toHaveLength(1)
  expect(JSON.parse(reportJson(input)).recipes).toMatchObject([{ row: 'full', verdict: 'better', tests: 1 }])
})
