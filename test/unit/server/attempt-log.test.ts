import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { Progress } from '../../../orchestrator/server/api.ts'
import { emptyLog, takeLine } from '../../../orchestrator/server/attempt-log.ts'
import { AttemptTail } from '../../../orchestrator/server/attempt-tail.ts'
import { attemptPhases } from '../../../orchestrator/server/views/goodput.ts'
import { progressOf } from '../../../orchestrator/server/views/job-view.ts'

const event = (type: string, fields: object) => JSON.stringify({ t: 1, type, ...fields })

/** A directory with these bytes as events of rank 0. */
function written(...parts: (string | Buffer)[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'events-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'events.0.jsonl'), '')
  for (const part of parts) appendFileSync(join(folder, 'events.0.jsonl'), part)
  return folder
}

async function read(folder: string) {
  const tail = new AttemptTail({ directory: folder, writes: 'told' }, (line) => line)
  await tail.read()
  return tail
}

const good = `${event('progress', { step: 7, of: 9, unit: 'steps' })}\n`

test.each([
  ['no JSON', 'garbage\n'],
  ['half an object', '{"t":1,"type":"progress","step":\n'],
  ['another type of value', '[1,2]\nnull\n"progress"\n42\n'],
  ['fields of wrong types', `${event('progress', { step: '7', of: {}, unit: 3 })}\n`],
  ['a kind that nobody knows', `${event('lunch', {})}\n`],
  ['NaN, which is no JSON', '{"t":1,"type":"metric","name":"loss","value":NaN}\n'],
  ['a number beyond all numbers', '{"t":1,"type":"metric","name":"loss","value":1e400}\n'],
  ['a step below nothing', `${event('progress', { step: -1, of: 9, unit: 'steps' })}\n`],
  ['bytes that are no UTF-8', Buffer.from([0xff, 0xfe, 0x80, 0x0a])],
  ['nothing but zeros', Buffer.from(`${'\0'.repeat(100)}\n`)],
  ['a name that is nobody’s own', '{"t":1,"type":"metric","name":"__proto__","value":{"a":1}}\n'],
])('%s among the events is counted, and the events around it are read', async (_, bytes) => {
  const { log } = await read(written(`${event('warning', { message: 'before' })}\n`, bytes, good))
  expect(log.garbage).toBeGreaterThanOrEqual(1)
  expect(log.warnings).toEqual(['before'])
  expect(log.progress?.step).toBe(7)
})

test('a line that is still being written is taken when it is whole, also when it was cut within a character', async () => {
  const line = Buffer.from(`${event('warning', { message: 'ü€😀' })}\n`)
  const cut = line.indexOf(Buffer.from('😀')) + 2
  const folder = written(line.subarray(0, cut))
  const tail = await read(folder)
  expect(tail.log).toMatchObject({ garbage: 0, warnings: [] })
  appendFileSync(join(folder, 'events.0.jsonl'), line.subarray(cut))
  await tail.read()
  expect(tail.log).toMatchObject({ garbage: 0, warnings: ['ü€😀'] })
})

test('a worker of another protocol fails with both versions', () => {
  const log = emptyLog()
  const hello = { protocol: 2, versions: {}, device: 'cpu', rank: 0, world: 1, host: 'here', pid: 1 }
  takeLine(log, 0, event('hello', hello))
  expect(log.failed).toMatchObject({
    code: 'PROTOCOL_UNKNOWN',
    message: expect.stringMatching(/version 2 .* version 1/),
  })
  const first = emptyLog()
  takeLine(first, 0, event('hello', { ...hello, protocol: 1 }))
  expect(first).toMatchObject({ failed: null, hello: { world: 1 } })
})

test('a worker gone wild fills no memory: names, samples, warnings and commits are bounded', () => {
  const log = emptyLog()
  for (let i = 0; i < 2000; i++) {
    takeLine(log, 0, event('metric', { name: `m${i}`, value: i }))
    takeLine(log, 0, event('artifact', { name: `a${i}` }))
    takeLine(log, 0, event('sample', { name: `s${i}`, path: 'x.png' }))
    takeLine(log, 0, event('warning', { message: `w${i}` }))
  }
  expect(log.series.size).toBe(500)
  expect(log.artifacts.size).toBe(500)
  expect(log.samples.length).toBe(1000)
  expect(log.warnings.length).toBe(100)
  expect(log.garbage).toBe(3000)
})

test('whatever a worker says, what is shown of it stays readable', () => {
  const number = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(0, 1e308, -1e308, 2 ** 53 - 1, 8.64e15))
  const anything = fc.oneof({ weight: 3, arbitrary: number }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 1 }) })
  const fields = fc.record(
    {
      t: anything,
      type: fc.constantFrom('progress', 'metric', 'checkpoint', 'hello', 'done', 'failed', 'sample', 'artifact'),
      step: anything,
      of: anything,
      unit: fc.oneof(fc.string(), anything),
      name: fc.constantFrom('loss', 'x', '__proto__'),
      value: anything,
      bytes: anything,
      stall_ms: anything,
      manifest: fc.string(),
      metrics: fc.dictionary(fc.string(), anything),
      message: fc.string(),
      code: fc.string(),
      path: fc.string(),
    },
    { requiredKeys: ['type'] },
  )
  const attempt = { placedAt: 1000, endedAt: 5000, outcome: { kind: 'preempted' as const } }
  fc.assert(
    fc.property(fc.array(fields, { maxLength: 30 }), (events) => {
      const log = emptyLog()
      for (const each of events) takeLine(log, 0, JSON.stringify(each))
      const shown = progressOf([log], 1)
      // As a client reads it: JSON has no infinity.
      Progress.nullable().parse(JSON.parse(JSON.stringify(shown)))
      const phases = attemptPhases(attempt as Parameters<typeof attemptPhases>[0], log, 0, 5000, 0)
      for (const value of Object.values(phases)) expect(value).toBeGreaterThanOrEqual(0)
      const { training, saving, starting, lost } = phases
      expect(training + saving + starting + lost).toBeCloseTo(4)
    }),
    { numRuns: 500 },
  )
})

test('of the failures of several ranks the earliest counts, in whatever order they are read; of many warnings the last', () => {
  const log = emptyLog()
  const failed = (t: number, code: string) => JSON.stringify({ t, type: 'failed', code, message: 'x' })
  takeLine(log, 0, failed(20, 'CRASHED'))
  takeLine(log, 1, failed(10, 'DISK_FULL'))
  takeLine(log, 2, failed(30, 'CRASHED'))
  expect(log.failed).toMatchObject({ code: 'DISK_FULL', rank: 1 })
  for (let n = 0; n < 200; n += 1) takeLine(log, 0, event('warning', { message: `${n}` }))
  expect(log.warnings).toHaveLength(100)
  expect(log.warnings.at(-1)).toBe('199')
})
