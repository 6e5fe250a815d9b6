import { expect, test } from 'vitest'
import { formsOf, mask } from '../../../orchestrator/agent/mask.ts'

const masked = (text: string, secrets: Record<string, string>): string => {
  const bytes = Buffer.from(text)
  mask(bytes, formsOf(secrets))
  return bytes.toString()
}

test('secrets are overwritten, plain and as JSON writes them, and every byte keeps its place', () => {
  const text = 'a hunter2 and "say \\"hi\\"" and hunter2hunter2'
  expect(masked(text, { A: 'hunter2', B: 'say "hi"', C: '' })).toBe('a ******* and "**********" and **************')
  expect(masked('aaa', { A: 'aa' })).toBe('***')
  expect(masked('nothing here', { A: 'hunter2' })).toBe('nothing here')
})
