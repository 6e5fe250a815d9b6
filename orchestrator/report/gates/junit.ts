import type { RunState } from '../input.ts'
import { gateSentence, outcomeWords } from './sentences.ts'
import type { Verdict } from './verdict.ts'

export type Tested = {
  /** Of the pipeline. */
  name: string
  run: string
  seconds: number
  cells: { name: string; state: RunState; message: string | null }[]
  gates: readonly Verdict[]
}

/** A run as JUnit's XML: a test case for each cell and each gate. What is undecided or was never finished counts as skipped. */
export function junit({ name, run, seconds, cells, gates }: Tested): string {
  const cases = [...cells.map((cell) => cellCase(name, cell)), ...gates.map((gate) => gateCase(name, gate))]
  const count = (inside: string) => cases.filter((text) => text.includes(inside)).length
  const totals = `tests="${cases.length}" failures="${count('<failure ')}" skipped="${count('<skipped ')}" errors="0" time="${seconds}"`
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${totals}>`,
    `<testsuite name="${xml(`${name} ${run}`)}" ${totals}>`,
    ...cases,
    '</testsuite>',
    '</testsuites>',
    '',
  ].join('\n')
}

function cellCase(name: string, { name: cell, state, message }: Tested['cells'][number]): string {
  switch (state) {
    case 'succeeded':
      return testCase(`${name}.cells`, cell, '')
    case 'failed':
      return testCase(`${name}.cells`, cell, note('failure', message ?? 'failed'))
    case 'cancelled':
    case 'running':
      return testCase(`${name}.cells`, cell, note('skipped', state))
  }
}

function gateCase(name: string, verdict: Verdict): string {
  const sentence = `<system-out>${xml(gateSentence(verdict))}</system-out>`
  switch (verdict.counts) {
    case 'pass':
      return testCase(`${name}.gates`, verdict.gate, sentence)
    case 'fail':
      return testCase(`${name}.gates`, verdict.gate, note('failure', outcomeWords(verdict), gateSentence(verdict)))
    case 'undecided':
      return testCase(`${name}.gates`, verdict.gate, note('skipped', gateSentence(verdict)))
  }
}

const testCase = (of: string, name: string, inside: string): string =>
  `<testcase classname="${xml(of)}" name="${xml(name)}">${inside}</testcase>`

const note = (kind: 'failure' | 'skipped', message: string, text = ''): string =>
  `<${kind} message="${xml(message)}">${xml(text)}</${kind}>`

/** Characters that XML can't hold at all are left out. */
const xml = (text: string): string =>
  text
    .replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
