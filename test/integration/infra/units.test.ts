import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { execa } from 'execa'
import { describe, expect, onTestFinished, test } from 'vitest'
import { leftOut } from '../../support/left-out.ts'

const folder = resolve(import.meta.dirname, '../../../infra/systemd')
const checkout = resolve(folder, '../..')
const analyze = (...args: string[]) => execa('systemd-analyze', args, { reject: false, all: true })
const version = await analyze('--version')
const missing = version.failed ? 'needs systemd-analyze: apt-get install systemd' : null

const { skip, title } = leftOut('units', missing, { installable: false })
describe.skipIf(skip)(title, () => {
  describe.each(['orchestrate.service', 'orchestrate-agent@.service'])('%s', (name) => {
    test('systemd finds nothing wrong with it, and the program that it starts', async () => {
      const copy = mkdtempSync(join(tmpdir(), 'units-'))
      onTestFinished(() => rmSync(copy, { recursive: true }))
      const unit = readFileSync(join(folder, name), 'utf8')
      expect(unit).toContain('ExecStart=/opt/orchestrate/')
      writeFileSync(join(copy, name), unit.replaceAll('=/opt/orchestrate/', `=${checkout}/`))
      const verified = await analyze('verify', '--man=no', join(copy, name))
      expect(verified.all).toBe('')
      expect(verified.exitCode).toBe(0)
    })

    test('systemd calls its exposure low', async () => {
      const { exitCode, all } = await analyze('security', '--offline=true', '--threshold=20', join(folder, name))
      expect(exitCode, all).toBe(0)
      expect(all).toContain(': 1.8 OK')
    })
  })
})
