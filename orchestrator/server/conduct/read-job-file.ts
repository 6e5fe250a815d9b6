import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { JobFile } from '../../protocol/job-file.ts'
import type { Context } from './context.ts'

/** The job.json that an attempt was launched with from this state directory; null where there is none that can be read. */
export async function readJobFile(context: Context, pool: string, attempt: string): Promise<JobFile | null> {
  const path = join(context.engine(pool).directory(attempt), 'job.json')
  const text = await readFile(path, 'utf8').catch(() => null)
  if (text === null) return null
  try {
    const file = JobFile.safeParse(JSON.parse(text))
    return file.data?.attempt === attempt ? file.data : null
  } catch {
    return null
  }
}
