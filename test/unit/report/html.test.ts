import { describe, expect, test } from 'vitest'
import { curves, spread } from '../../../orchestrator/report/html/curves.ts'
import { reportHtml } from '../../../orchestrator/report/html/report-html.ts'
import { clipRows } from '../../../orchestrator/report/html/samples.ts'
import { linearScale, logScale } from '../../../orchestrator/report/html/scale.ts'
import type { ReportInput, Sample } from '../../../orchestrator/report/input.ts'
import { reportInput, trialsOf } from '../../fixtures/report/report-input.ts'

const page = reportHtml(reportInput())

describe('the file', () => {
  test('needs nothing else: no address but data:, no script', () => {
    expect(page).not.toMatch(/https?:\/\//)
    expect(page).not.toMatch(/<script|<link|<iframe|@import|\son[a-z]+=/i)
    const addresses = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, address]) => address as string)
    for (const address of addresses) expect(address).toMatch(/^(data:(image|video)\/|#)/)
    for (const [, address] of page.matchAll(/url\(([^)]*)\)/g)) expect(address).toMatch(/^#/)
  })

  test('forbids in its head what it doesn’t need', () => {
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"`)
  })

  test('opens with the sentence, before any table', () => {
    const [start, end] = [page.indexOf('<h1>'), page.indexOf('</h1>')]
    const sentence = page
      .slice(start, end)
      .replaceAll(/<[^>]*>/g, '')
      .replaceAll('\u00a0', ' ')
    expect(sentence).toBe(
      'full succeeds in 39/40 trials (97.5 %), no-depth-expert in 40/40 (100 %): −2.5 points, 95 % interval [−12.9, +6.5], no difference shown.',
    )
    expect(end).toBeLessThan(page.indexOf('<table'))
  })

  test('has a section for each thing that there is to show', () => {
    const titles = [...page.matchAll(/<h2[^>]*>([^<]*)/g)].map(([, title]) => title)
    expect(titles).toEqual([
      'Success by task',
      'Difference to no-depth-expert',
      'Curves',
      'Depth',
      'Rollouts at the same trials',
      'Where the time went',
      'What made this',
    ])
  })

  test('every id is there once, and every reference to one leads somewhere', () => {
    const ids = [...page.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const [, id] of page.matchAll(/(?:href="#|aria-labelledby="|url\(#)([^")]*)/g)) expect(ids).toContain(id)
  })

  test('tables have headers with a scope, pictures have words, drawings have a name or are hidden', () => {
    for (const [tag] of page.matchAll(/<th\b[^>]*>/g)) expect(tag).toContain('scope=')
    for (const [tag] of page.matchAll(/<img\b[^>]*>/g)) expect(tag).toMatch(/alt="[^"]+"/)
    const drawings = [...page.replaceAll(/<svg x=[^>]*>/g, '').matchAll(/<svg\b[^>]*>/g)].map(([tag]) => tag)
    const bare = drawings.filter(
      (tag) => !/aria-hidden|role="img" aria-label="[^"]+"|preserveAspectRatio="none">|viewBox="0 0 28 8">/.test(tag),
    )
    expect(bare).toEqual([])
  })

  test('its tags are closed in the order they were opened', () => {
    const open: string[] = []
    const empty = new Set(['meta', 'img', 'col', 'circle', 'path', 'line', 'rect', 'use', 'polyline', '!doctype'])
    for (const [, slash, name = '', closed] of page
      .replace(/<style>[\s\S]*<\/style>/, '')
      .matchAll(/<(\/?)([!a-z0-9]+)[^>]*?(\/?)>/gi)) {
      if (empty.has(name) || closed) continue
      if (slash) expect(open.pop()).toBe(name)
      else open.push(name)
    }
    expect(open).toEqual([])
  })
})

describe('a run that isn’t whole', () => {
  const { cells, jobs, run } = reportInput()
  const failed: ReportInput = reportInput({
    run: { ...run, state: 'failed' },
    cells: cells.map((cell) => (cell.name === 'full' ? { ...cell, state: 'failed', metrics: {} } : cell)),
    jobs: jobs.map((job) =>
      job.stage === 'train' && job.cells[0] === 'full'
        ? {
            ...job,
            state: 'failed',
            attempts: 3,
            error: {
              code: 'WORKER_CRASHED',
              message: 'rank 1: out of memory at step 412',
              hint: 'try a smaller batch',
            },
          }
        : job,
    ),
    trials: { 'no-depth-expert': trialsOf([]) },
    samples: [],
    curves: [],
  })

  test('shows what failed above the table, and refuses to compare', () => {
    const html = reportHtml(failed)
    expect(html.includes('train[full] failed after 3 attempts.'), 'train[full] failed after 3 attempts.').toBe(true)
    expect(html.includes('rank 1: out of memory at step 412'), 'rank 1: out of memory at step 412').toBe(true)
    expect(
      html.includes('not compared, full failed before its trials'),
      'not compared, full failed before its trials',
    ).toBe(true)
    expect(html.includes('Difference to'), 'Difference to').toBe(false)
    expect(html.includes('id="s-c"'), 'id="s-c"').toBe(false)
  })

  test('says none yet while a cell runs', () => {
    const running = cells.map((cell) =>
      cell.name === 'full' ? { ...cell, state: 'running' as const, metrics: {} } : cell,
    )
    expect(
      reportHtml(
        reportInput({
          cells: running,
          trials: { 'no-depth-expert': trialsOf([]) },
          run: { ...run, state: 'running', endedAt: null },
        }),
      ),
    ).toContain('none yet')
  })

  test('is a page even when nothing is there', () => {
    const html = reportHtml(reportInput({ cells: [], jobs: [], trials: {}, curves: [], samples: [], goodput: null }))
    expect(
      html.includes('<h1>All 0 jobs done; there were no trials to count.</h1>'),
      '<h1>All 0 jobs done; there were no trials to count.</h1>',
    ).toBe(true)
  })
})

describe('pictures and clips', () => {
  const sample = (changes: Partial<Sample>): Sample => ({
    name: 'rollout/a/0',
    caption: null,
    job: 'k',
    stage: 'evaluate',
    cells: ['full'],
    mime: 'image/gif',
    data: 'R0lGODlh',
    ...changes,
  })
  const shown = (...samples: Sample[]) => reportHtml(reportInput({ samples }))

  test('a film has controls and no sound, a moving picture is a picture', () => {
    expect(shown(sample({ mime: 'video/mp4', data: 'AAAA' }))).toMatch(
      /<video class="pic" src="data:video\/mp4;base64,AAAA" aria-label="[^"]+" controls muted/,
    )
    expect(shown(sample({}))).toContain('<img class="pic" src="data:image/gif;base64,R0lGODlh"')
  })

  test.each([
    ['text/html', 'PHNjcmlwdD4='],
    ['image/svg+xml', 'PHN2Zz4='],
    ['image/png', 'not "base64"'],
    ['image/png" onerror="x', 'AAAA'],
  ])(
    '%s with %s is named, not shown',
    (mime, data) => {
      const html = shown(sample({ mime, data }))
      expect(html.includes('can’t be shown'), 'can’t be shown').toBe(true)
      expect(html.includes('src='), 'src=').toBe(false)
    },
    30_000,
  )

  test.each(['frame/1', 'frame.1'])('the parts of a frame stand together: %s', (frame) => {
    const parts = ['predicted', 'truth', 'input'].map((part) =>
      sample({ name: `${frame}${frame.at(5)}${part}.png`, mime: 'image/png', data: `AAA${part[0]}` }),
    )
    const captions = [...shown(...parts).matchAll(/<figcaption>(input|ground truth|predicted, full)/g)]
    expect(captions.map(([, caption]) => caption)).toEqual(['input', 'ground truth', 'predicted, full'])
  })

  test('clips of trials stand in a row for each cell and policy, those of the data after them', () => {
    const both = ['full', 'no-depth-expert']
    const rows = clipRows(
      reportInput({
        samples: [
          sample({ name: 'demos/drawer', stage: 'demos', cells: both, mime: 'image/webp' }),
          sample({ name: 'trials/trained/drawer/10' }),
          sample({ name: 'trials/trained/drawer/2' }),
          sample({ name: 'trials/expert/drawer/2' }),
          sample({ name: 'trials/trained/drawer/2', cells: ['no-depth-expert'] }),
        ],
      }),
    )
    expect(rows.map(({ who, clips }) => [who, clips.map(({ name }) => name)])).toEqual([
      ['full', ['drawer, 2', 'drawer, 10']],
      ['expert, full', ['drawer, 2']],
      ['no-depth-expert', ['drawer, 2']],
      ['demos', ['drawer']],
    ])
  })

  test('a sheet says whose it is, and results stand before data', () => {
    const page = shown(
      sample({ name: 'scenes', stage: 'scenes', mime: 'image/png', data: 'AAAA' }),
      sample({ name: 'depth', stage: 'train', mime: 'image/png', data: 'AAAB', caption: 'input, predicted, true' }),
    )
    expect(page.indexOf('<b>train, full</b><small>input, predicted, true</small>')).toBeGreaterThan(0)
    expect(page.indexOf('AAAB')).toBeLessThan(page.indexOf('AAAA'))
  })
})

describe('curves', () => {
  test('each line has a name at its end, a dash of its own, and words for its course', () => {
    const text = curves(reportInput())?.text ?? ''
    expect(text).toContain('class="line c2"')
    expect(text).toMatch(
      /aria-label="train, loss by step: full from [\d.]+ to [\d.]+ at step 600; no-depth-expert from/,
    )
    expect(text).toMatch(/<span class="c2" style="top:[\d.]+%" title="no-depth-expert">no-depth-expert<\/span>/)
  })

  test('values that are no numbers are left out', () => {
    const { jobs } = reportInput()
    const job = jobs.at(-1)?.key ?? ''
    const text =
      curves(
        reportInput({
          curves: [
            {
              job,
              metrics: {
                loss: [
                  [1, 2],
                  [2, Number.NaN],
                  [3, 1],
                ],
              },
            },
          ],
        }),
      )?.text ?? ''
    expect(text).not.toContain('NaN')
    expect(curves(reportInput({ curves: [{ job, metrics: { loss: [[1, Number.NaN]] } }] }))).toBeNull()
  })

  test('names at line ends never overlap while there is room', () => {
    const places = spread([0.5, 0.5, 0.51, 0.98]).sort((a, b) => a - b)
    places.slice(1).forEach((place, index) => {
      expect(place - (places[index] ?? 0)).toBeGreaterThanOrEqual(0.085 - 1e-9)
    })
  })

  test.each([
    [linearScale(0, 1), ['0', '.5', '1']],
    [linearScale(-13, 13), ['−20', '−10', '0', '10', '20']],
    [linearScale(0.5, 0.5), ['.4', '.6']],
    [logScale(0.09, 1), ['.1', '.2', '.5', '1']],
    [logScale(0.001, 1000), ['.001', '.01', '.1', '1', '10', '100', '1000']],
  ])('scale %# has round ticks', (scale, labels) => {
    expect(scale.ticks.map(({ label }) => label)).toEqual(labels)
  })
})
