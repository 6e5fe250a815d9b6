import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { OrchestrateError } from '../../errors.ts'
import type { JobInput } from '../../plan/plan.ts'
import type { JobFile, StagedInput, StreamedInput } from '../../protocol/job-file.ts'
import type { Job } from '../../run/job.ts'
import { isAddress } from '../../spec/sections.ts'
import { availableArtifact } from '../../store/artifacts.ts'
import { layout } from '../../store/layout.ts'
import { stageOutput } from '../../store/stage.ts'
import type { Context } from './context.ts'

/** A folder on this host for each input of a job, or the place in a store from which it is streamed. */
export async function bringInputs(context: Context, job: Job): Promise<JobFile['inputs']> {
  const { inputs, stream = [] } = job.planned
  const brought = Object.entries(inputs).map(
    async ([name, input]): Promise<[string, StagedInput | StreamedInput | null]> => {
      if (input === null) return [name, null]
      return [name, stream.includes(name) ? await point(context, input) : await stage(context, input)]
    },
  )
  return Object.fromEntries(await Promise.all(brought))
}

async function stage(context: Context, input: JobInput): Promise<StagedInput> {
  const { format } = input
  if (input.kind === 'data') return { path: input.path, format, digest: input.fingerprint }
  const output = await findOutput(context, input)
  const path = await stageOutput(context.store, output, join(context.settings.stateDir, 'cache'))
  return { path, format, digest: output.digest }
}

async function point(context: Context, input: JobInput): Promise<StreamedInput> {
  const { store } = context.settings
  const { format } = input
  if (input.kind === 'data')
    return {
      // The same service and credentials as the store's: a pipeline file names data, not how to get at it.
      store: isAddress(input.path) ? { ...store, url: input.path } : { url: pathToFileURL(input.path).href },
      artifact: null,
      format,
      digest: input.fingerprint,
    }
  const { digest } = await findOutput(context, input)
  return { store, artifact: { key: layout.artifact(input.key), output: input.output }, format, digest }
}

async function findOutput({ store }: Context, { key, output }: Extract<JobInput, { kind: 'job' }>) {
  const artifact = await availableArtifact(store, key)
  const found = artifact?.outputs[output]
  if (!found)
    throw new OrchestrateError('OBJECT_MISSING', `output ${output} of job ${key.slice(0, 7)} is not in ${store.url}`)
  return found
}
