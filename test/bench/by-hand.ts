import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { JobFile } from '../../orchestrator/protocol/job-file.ts'

/** Milliseconds since 1970 with their fractions, as Python's `time.time() * 1000` has them. */
export const now = (): number => performance.timeOrigin + performance.now()

/** A worker as somebody would start it in a shell: its command, in its folder, told where its job.json is. */
export type Task = { directory: string; command: string[]; cwd: string; env: Record<string, string> }

export async function layOut(job: JobFile, directory: string): Promise<Task> {
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, 'job.json'), JSON.stringify(job))
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: process.env.HOME ?? '',
    RANK: '0',
    ORCHESTRATE_ATTEMPT_DIR: directory,
    PYTHONPATH: job.code,
    PYTHONUNBUFFERED: '1',
    PYTHONHASHSEED: '0',
  }
  return { directory, command: job.command, cwd: job.code, env }
}

export async function runTask({ command, cwd, env }: Task): Promise<void> {
  const [program = '', ...args] = command
  const child = spawn(program, args, { cwd, env, stdio: 'ignore' })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}`)
}

/** When the first line of rank 0 was written, by its own clock, which is this machine's. */
export async function firstLineAt(directory: string): Promise<number> {
  const text = await readFile(join(directory, 'events.0.jsonl'), 'utf8')
  return z.object({ t: z.number() }).parse(JSON.parse(text.slice(0, text.indexOf('\n')))).t
}

export const readJobFile = async (directory: string): Promise<JobFile> =>
  JobFile.parse(JSON.parse(await readFile(join(directory, 'job.json'), 'utf8')))
