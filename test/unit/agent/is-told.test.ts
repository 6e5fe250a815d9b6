import { expect, test } from 'vitest'
import { isTold } from '../../../orchestrator/engines/agents/is-told.ts'

test.each([
  'job.json',
  'exit.json',
  'exit.3.json',
  'events.0.jsonl',
  'stdout.31.log',
  'launcher.log',
  'samples/a.webp',
])('%s travels to the control plane', (file) => expect(isTold(file)).toBe(true))

test.each([
  'secrets.json',
  'claim',
  'over.json',
  '.versions.json',
  '../other/job.json',
  'samples/../../x',
  '/etc/passwd',
  'samples//x',
  '',
  'samples/.hidden',
  'stdout.0.log.half',
])('%j does not', (file) => expect(isTold(file)).toBe(false))
