import { type ChildProcess, spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { JobFile } from '../../protocol/job-file.ts'
import { rankEnvironment } from './debug-job.ts'

/** How a rank ended: its exit code, or the signal. */
export type End = { rank: number; code: number | null; signal: NodeJS.Signals | null }

/**
 * Runs all ranks until they end: one with this terminal as its own (a debugger works in it), the others into the directory's
 * log files. When one ends badly, the others are ended: they would wait for it for ever.
 */
export async function runRanks(job: JobFile, directory: string, inFront: number): Promise<End[]> {
  const port = await freePort()
  const children: ChildProcess[] = []
  // The terminal sends Ctrl-C to all of them; this process stays to say how they ended.
  const stay = () => {}
  process.on('SIGINT', stay)
  const start = (rank: number) =>
    new Promise<End>((resolve, reject) => {
      const [command = '', ...args] = job.command
      const child = spawn(command, args, {
        cwd: job.code,
        env: { ...process.env, ...rankEnvironment(job, rank, directory, port) },
        stdio:
          rank === inFront ? 'inherit' : ['ignore', log(directory, 'stdout', rank), log(directory, 'stderr', rank)],
      })
      children.push(child)
      child.once('error', reject)
      child.once('exit', (code, signal) => {
        if (code !== 0) for (const other of children) other.kill('SIGTERM')
        resolve({ rank, code, signal })
      })
    })
  try {
    return await Promise.all(Array.from({ length: job.ranks }, (_, rank) => start(rank)))
  } finally {
    process.off('SIGINT', stay)
    for (const child of children) child.kill('SIGKILL')
  }
}

const log = (directory: string, stream: string, rank: number): number =>
  openSync(join(directory, `${stream}.${rank}.log`), 'a')

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
