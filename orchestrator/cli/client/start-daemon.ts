import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { OrchestrateError } from '../../errors.ts'
import { makeFolder } from '../../server/make-folder.ts'
import { checkout, readSettings } from '../../server/settings.ts'
import { apiErrorFrom } from './api-error.ts'

/**
 * Starts a daemon that outlives this process. It says one line on its standard output: that it answers, or why it can't, which is
 * thrown. `taken` when another one has the state directory.
 */
export async function startDaemon(state: string): Promise<'ready' | 'taken'> {
  readSettings(process.env, { state }) // a wrong setting is told here, not by a process that ends early
  const log = join(state, 'logs', 'daemon.log')
  const logFd = openLog(state, log)
  const main = join(checkout, 'orchestrator/server/main.ts')
  const child = spawn(process.execPath, [main, '--state', state], {
    cwd: checkout,
    detached: true,
    stdio: ['ignore', 'pipe', logFd],
  })
  closeSync(logFd)
  const out = child.stdout as Readable
  try {
    for await (const line of createInterface({ input: out })) {
      if (line.startsWith('{"ready"')) return 'ready'
      const error = apiErrorFrom(line)
      if (error?.code === 'DAEMON_RUNNING') return 'taken'
      if (error !== null) throw error
    }
    throw new OrchestrateError(
      'DAEMON_UNREACHABLE',
      `the daemon ended before it was ready; see ${log}${await lastLines(log)}`,
    )
  } finally {
    out.destroy()
    child.unref()
  }
}

function openLog(state: string, log: string): number {
  try {
    makeFolder(join(state, 'logs'))
    return openSync(log, 'a', 0o600)
  } catch (cause) {
    const { message } = cause as Error
    throw new OrchestrateError('STATE_UNWRITABLE', `the state directory ${state} can't be written: ${message}`, {
      cause,
    })
  }
}

async function lastLines(log: string): Promise<string> {
  const text = await readFile(log, 'utf8').catch(() => '')
  const lines = text.trimEnd().split('\n').slice(-5)
  return lines.length === 0 ? '' : `\n${lines.map((line) => `  │ ${line.slice(0, 300)}`).join('\n')}`
}
