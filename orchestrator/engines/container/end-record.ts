import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { EngineEnd } from '../../protocol/engine-end.ts'
import type { JobFile } from '../../protocol/job-file.ts'
import { formatSize } from '../../spec/units.ts'
import type { ContainerState } from './containers.ts'

/** `container.json`: what the runtime knew of a container that has left no exit record, kept before it is removed. */
const ContainerRecord = z.strictObject({ exitCode: z.int(), oomKilled: z.boolean(), error: z.string() })
type ContainerRecord = z.infer<typeof ContainerRecord>

const pathIn = (directory: string): string => join(directory, 'container.json')

export async function keepEnd(directory: string, state: ContainerState): Promise<void> {
  const record: ContainerRecord = { exitCode: state.ExitCode, oomKilled: state.OOMKilled, error: state.Error }
  await writeFile(pathIn(directory), `${JSON.stringify(record)}\n`)
}

/** Null where the runtime knew no more than that it is over. */
export async function readEnd(directory: string): Promise<EngineEnd | null> {
  const text = await readFile(pathIn(directory), 'utf8').catch(() => null)
  const record = text === null ? null : ContainerRecord.parse(JSON.parse(text))
  if (!record?.oomKilled) return null
  const job = JSON.parse(await readFile(join(directory, 'job.json'), 'utf8')) as Pick<JobFile, 'memory'>
  const limit = job.memory === null ? 'what there is' : formatSize(job.memory)
  return { kind: 'memory', message: `its container used more than ${limit}: the kernel killed it`, nodes: [] }
}
