import { OrchestrateError } from '../../errors.ts'
import type { JobFile } from '../../protocol/job-file.ts'
import type { Json } from '../../spec/pipeline.ts'
import { layout } from '../../store/layout.ts'

/** What is to be certified, and how it differs from the attempt that it is taken from. */
export type Changes = { with: Record<string, Json>; ranks: number | null }

/** One attempt of a twin: the same job, in a store of its own, told when to save and at the end to save once more. */
export type TwinAttempt = {
  name: string
  store: string
  fence: number
  resume: string[]
  every: number | null
}

export function twinJob(
  { metrics: _, ...job }: JobFile,
  changes: Changes,
  { name, store, fence, resume, every }: TwinAttempt,
): JobFile {
  const ranks = changes.ranks ?? job.ranks
  if (job.gpus.length > 0 && ranks !== job.ranks) {
    throw new OrchestrateError('ARGUMENT_INVALID', `--ranks ${ranks}: ${job.stage} has ${job.gpus.length} GPUs`)
  }
  return {
    ...job,
    attempt: name,
    fence,
    config: { ...job.config, ...applicable(job, changes) },
    ranks,
    cores: Math.max(job.cores, ranks),
    store: { url: store },
    prefix: layout.attempt(job.job, job.shard, fence),
    resume,
    checkpoint: { every, final: true },
    time: null,
    secrets: null,
  }
}

/** Of the keys to set, those that the stage has. */
export const applicable = ({ config }: JobFile, changes: Changes): Record<string, Json> =>
  Object.fromEntries(Object.entries(changes.with).filter(([key]) => key in config))

/** `steps=60`: a value as in JSON, or as text when it is none. */
export function parseWith(given: string[]): Record<string, Json> {
  return Object.fromEntries(
    given.map((text) => {
      const [, key = '', value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? []
      if (key === '')
        throw new OrchestrateError('ARGUMENT_INVALID', `--with ${text}: expected key=value, such as steps=60`)
      return [key, parse(value)]
    }),
  )
}

function parse(text: string): Json {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
