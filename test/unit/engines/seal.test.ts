import { expect, test } from 'vitest'
import { newKeyPair, open, seal } from '../../../orchestrator/engines/agents/seal.ts'

const text = JSON.stringify({ HF_TOKEN: 'hunter2' })

test('what was sealed for an agent opens for it alone, and for what it was sealed for', () => {
  const agent = newKeyPair()
  const sealed = seal(text, agent.publicKey, 'a-1 host')
  expect(open(sealed, agent, 'a-1 host')).toBe(text)
  expect(open(sealed, newKeyPair(), 'a-1 host')).toBe(null)
  expect(open(sealed, agent, 'a-2 host')).toBe(null)
})

test('nothing of it can be seen or changed on the way, and it is sealed differently each time', () => {
  const agent = newKeyPair()
  const sealed = seal(text, agent.publicKey, 'a-1')
  expect(JSON.stringify(sealed)).not.toContain('hunter2')
  expect(Buffer.from(sealed.box, 'base64').toString('latin1')).not.toContain('hunter2')
  expect(seal(text, agent.publicKey, 'a-1').box).not.toBe(sealed.box)
  for (const part of ['key', 'nonce', 'box'] as const) {
    const bytes = Buffer.from(sealed[part], 'base64')
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    expect(open({ ...sealed, [part]: bytes.toString('base64') }, agent, 'a-1')).toBe(null)
  }
  expect(open({ key: 'no key', nonce: '', box: '' }, agent, 'a-1')).toBe(null)
})
