import { type BaseFile, readExtended } from './extend.ts'
import { isMap } from './show.ts'
import { envIn } from './variables.ts'

export type PipelineNeeds = {
  /** The worker's folder as the file says it, relative to the file. */
  worker: string | null
  /** Environment variables that the file refers to. */
  env: string[]
  /** Names of secrets. */
  secrets: string[]
  /** Paths of data sources as the file says them, variables and all. */
  data: { name: string; path: string }[]
}

/**
 * What has to be fetched before a file can be checked or submitted. Takes whatever it can make out of a broken
 * file, and never throws: what is wrong is told by `parsePipeline`, with everything else that is.
 */
export function pipelineNeeds(text: string, bases: readonly BaseFile[] = []): PipelineNeeds {
  const root = readExtended('', text, bases).document?.root
  const file = isMap(root) ? root : {}
  const data = isMap(file.data) ? Object.entries(file.data) : []
  return {
    worker: typeof file.worker === 'string' && file.worker !== '' ? file.worker : null,
    env: [...new Set([text, ...bases.map((base) => base.text)].flatMap(envIn))],
    secrets: Array.isArray(file.secrets) ? [...new Set(file.secrets.filter((name) => typeof name === 'string'))] : [],
    data: data.flatMap(([name, source]) =>
      isMap(source) && typeof source.path === 'string' ? [{ name, path: source.path }] : [],
    ),
  }
}
