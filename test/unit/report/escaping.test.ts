import fc from 'fast-check'
import { expect, test } from 'vitest'
import { reportHtml } from '../../../orchestrator/report/html/report-html.ts'
import type { ReportInput } from '../../../orchestrator/report/input.ts'
import { reportMarkdown } from '../../../orchestrator/report/markdown.ts'
import { reportLines } from '../../../orchestrator/report/terminal.ts'
import { reportInput } from '../../fixtures/report/report-input.ts'

const known = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "'><svg/onload=alert(1)>",
  '</style><script>',
  '--><b>',
  '\u202egnp.exe',
  '&lt;script',
  '\u001b[2J',
  '![x](http://x)',
  '|',
  ']]>',
  '`',
]
const hostile = fc.oneof(fc.constantFrom(...known), fc.string({ unit: 'binary', maxLength: 12 }))
/** A page takes long to make and to read, so all that is known goes in at once, and chance gets a few. */
const effort: fc.Parameters<[string]> = { numRuns: 20, examples: [[known.join(' ')], [known.join('')]] }

/** The same values with every string that a user or a worker could have chosen spoilt; states and policies are ours. */
function spoil(input: ReportInput, word: string): ReportInput {
  const ours = new Set(['running', 'succeeded', 'failed', 'cancelled', 'trained', 'untrained', 'expert'])
  const data = new Set(input.samples.map((sample) => sample.data))
  const bad = (value: unknown): unknown => {
    if (typeof value === 'string') return ours.has(value) || data.has(value) ? value : `${value}${word}`
    if (Array.isArray(value)) return value.map(bad)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, own]) => [name, bad(own)]))
  }
  const spoilt = bad(input) as ReportInput
  const renamed = <T>(record: Record<string, T>) =>
    Object.fromEntries(Object.entries(record).map(([name, value]) => [name + word, value]))
  return {
    ...spoilt,
    trials: renamed(spoilt.trials),
    cells: spoilt.cells.map((cell) => ({
      ...cell,
      metrics: { ...cell.metrics, [`x.${word}`]: 1, [`x.${word}.best_constant`]: 2 },
      values: { ...cell.values, [`axis${word}`]: word },
    })),
    curves: spoilt.curves.map((curve) => ({ ...curve, metrics: renamed(curve.metrics) })),
    jobs: spoilt.jobs.map((job) => ({
      ...job,
      config: renamed(job.config),
      versions: renamed(job.versions),
      error: { code: word, message: word, hint: word },
    })),
    run: { ...spoilt.run, labels: renamed(spoilt.run.labels), data: [{ name: word, fingerprint: word }] },
    samples: spoilt.samples.map((sample, index) => (index % 2 === 0 ? { ...sample, mime: 'image/png' } : sample)),
  }
}

/** Tags and their attributes' names, which is all that could do something. */
const skeleton = (page: string) => new Set([...page.matchAll(/<\/?[a-z0-9!]+/gi)].map(([tag]) => tag.toLowerCase()))
const usual = skeleton(reportHtml(spoil(reportInput(), 'x')))

test('no string makes a tag, leaves an attribute, or loads anything', () => {
  fc.assert(
    fc.property(hostile, (word) => {
      const page = reportHtml(spoil(reportInput(), word))
      expect([...skeleton(page)].filter((tag) => !usual.has(tag))).toEqual([])
      expect(page.toLowerCase().includes('<script')).toBe(false)
      // Outside of quoted attributes nothing but our own names may stand in a tag.
      const tags = [...page.replace(/<style>[\s\S]*?<\/style>/, '').matchAll(/<[^>]*>/g)].map(([tag]) => tag)
      const odd = tags.filter((tag) => !/^<[!/a-zA-Z0-9 -]*\/?>$/.test(tag.replaceAll(/="[^"]*"/g, '')))
      expect(odd).toEqual([])
      expect(page.match(/[\u202a-\u202e]|(?!\s)\p{Cc}/u)).toBeNull()
    }),
    effort,
  )
})

test('no string makes HTML or a link in Markdown, or moves a terminal’s cursor', () => {
  fc.assert(
    fc.property(hostile, (word) => {
      const input = spoil(reportInput(), word)
      const text = reportMarkdown(input)
      expect(text.match(/<[a-z!/]/i)).toBeNull()
      expect(text.match(/(?<!\\)\]\(/)).toBeNull()
      expect(reportLines(input, { colour: false, width: 100 }).filter((line) => /\p{Cc}/u.test(line))).toEqual([])
    }),
    effort,
  )
})
