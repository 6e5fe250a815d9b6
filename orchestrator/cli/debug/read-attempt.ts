import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OrchestrateError } from '../../errors.ts'
import { AttemptExit } from '../../protocol/exit-record.ts'
import { JobFile } from '../../protocol/job-file.ts'
import { WorkerEvent } from '../../protocol/worker-event.ts'

/** What the attempt was told. Throws ATTEMPT_NOT_FOUND when this machine doesn't have it. */
export async function readJob(directory: string, attempt: string): Promise<JobFile> {
  const text = await readFile(join(directory, 'job.json'), 'utf8').catch((cause: Error) => {
    throw new OrchestrateError(
      'ATTEMPT_NOT_FOUND',
      `no attempt '${attempt}' on this machine: there is no ${join(directory, 'job.json')}`,
      { cause },
    )
  })
  return JobFile.parse(JSON.parse(text))
}

/** The rank whose end made the others end. */
export async function firstBad(directory: string): Promise<number | null> {
  const text = await readFile(join(directory, 'exit.json'), 'utf8').catch(() => null)
  const parsed = text === null ? null : AttemptExit.safeParse(JSON.parse(text))
  return parsed?.success === true ? parsed.data.firstBad : null
}

/** What a rank reported as the reason why it failed, if one did. */
export async function lastWords(directory: string): Promise<string | null> {
  for (const name of (await readdir(directory)).filter((file) => /^events\.\d+\.jsonl$/.test(file)).sort()) {
    const last = (await readFile(join(directory, name), 'utf8')).trimEnd().split('\n').at(-1) ?? ''
    const event = WorkerEvent.safeParse(parse(last))
    if (event.success && event.data.type === 'failed') return `${event.data.message} (${event.data.code})`
  }
  return null
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null // cut off in the middle
  }
}
