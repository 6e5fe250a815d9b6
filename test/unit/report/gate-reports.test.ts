import { expect, test } from 'vitest'
import { verdicts } from '../../../orchestrator/report/gates/judge.ts'
import { junit } from '../../../orchestrator/report/gates/junit.ts'
import { reportHtml } from '../../../orchestrator/report/html/report-html.ts'
import { reportJson } from '../../../orchestrator/report/json.ts'
import { reportMarkdown } from '../../../orchestrator/report/markdown.ts'
import { reportLines } from '../../../orchestrator/report/terminal.ts'
import { parseGate } from '../../../orchestrator/spec/gates/parse-gate.ts'
import { withDefaults } from '../../../orchestrator/spec/gates/read-gates.ts'
import { reportInput } from '../../fixtures/report/report-input.ts'

const gate = 'policy success(full) >= success(no-depth-expert) - 20 points'
const input = reportInput({
  gates: [gate, 'policy success(full) >= 99%'].map((text) => withDefaults(parseGate(text))),
})

test('every form of the report says how the gates went', () => {
  const sentence = 'passes, −2.5 points [−12.9, +6.5] over 40 paired trials'
  expect(reportMarkdown(input)).toContain(sentence.replaceAll(/[[\]]/g, '\\$&'))
  expect(reportLines(input, { colour: false, width: 200 }).join('\n')).toContain(`✔ ${gate}: ${sentence}`)
  expect(reportHtml(input)).toContain('<h2 id="s-g">Gates</h2><p>2 gates: 1 pass and 1 undecided.')
  expect(JSON.parse(reportJson(input)).gates).toMatchObject([{ outcome: 'pass' }, { outcome: 'undecided' }])
  expect(reportHtml(reportInput())).not.toContain('s-g')
})

test('JUnit has a case for each cell and gate, and nothing of a name can leave its place', () => {
  const cells = [
    { name: 'full', state: 'succeeded', message: null },
    { name: '"><x', state: 'failed', message: 'train: out\u0000 of memory & time' },
  ] as const
  const text = junit({ name: 'quickstart', run: 'r-7k2p4', seconds: 9, cells: [...cells], gates: verdicts(input) })
  expect(text).toContain('<testsuites tests="4" failures="1" skipped="1" errors="0" time="9">')
  expect(text).toContain(
    '<testcase classname="quickstart.cells" name="&quot;&gt;&lt;x"><failure message="train: out of memory &amp; time">',
  )
  expect(text.match(/<testcase /g)).toHaveLength(4)
})
