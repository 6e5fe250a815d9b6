import { pathToFileURL } from 'node:url'
import { OrchestrateError } from '../../errors.ts'
import type { JobFile, StagedInput, StoreAddress, StreamedInput } from '../../protocol/job-file.ts'
import type { JobInput, JobOrder } from '../../protocol/job-order.ts'
import { isAddress } from '../../spec/sections.ts'
import { availableArtifact } from '../../store/artifacts.ts'
import { layout } from '../../store/layout.ts'
import { stageOutput } from '../../store/stage.ts'
import type { Store } from '../../store/store.ts'
import type { HostFolders } from './host-folders.ts'

/** A folder on this host for an input of a job, or the place in a store from which it is streamed. */
export async function bringInput(
  store: Store,
  folders: HostFolders,
  input: JobOrder['inputs'][string],
  { attempt, address, streamed }: { attempt: string; address: StoreAddress; streamed: boolean },
): Promise<JobFile['inputs'][string]> {
  if (input === null || !('kind' in input)) return input
  return streamed ? point(store, address, input) : stage(store, folders, attempt, input)
}

async function stage(store: Store, folders: HostFolders, attempt: string, input: JobInput): Promise<StagedInput> {
  const { format } = input
  if (input.kind === 'data') return { path: input.path, format, digest: input.fingerprint }
  const output = await findOutput(store, input)
  return { path: await stageOutput(store, output, folders.cache, attempt), format, digest: output.digest }
}

async function point(store: Store, address: StoreAddress, input: JobInput): Promise<StreamedInput> {
  const { format } = input
  if (input.kind === 'data')
    return {
      // The same service and credentials as the store's: a pipeline file names data, not how to get at it.
      store: isAddress(input.path) ? { ...address, url: input.path } : { url: pathToFileURL(input.path).href },
      artifact: null,
      format,
      digest: input.fingerprint,
    }
  const { digest } = await findOutput(store, input)
  return {
    store: address,
    artifact: { key: layout.artifact(input.key), output: input.output },
    format,
    digest,
  }
}

async function findOutput(store: Store, { key, output }: Extract<JobInput, { kind: 'job' }>) {
  const artifact = await availableArtifact(store, key)
  const found = artifact?.outputs[output]
  if (!found)
    throw new OrchestrateError('OBJECT_MISSING', `output ${output} of job ${key.slice(0, 7)} is not in ${store.url}`)
  return found
}
