import { join } from 'node:path'
import { faultPoint } from '../../fault-point.ts'
import type { JobFile, MetricsFile } from '../../protocol/job-file.ts'
import type { JobOrder } from '../../protocol/job-order.ts'
import { materialiseCode } from '../../store/code.ts'
import type { Store } from '../../store/store.ts'
import { bringInput } from './bring-input.ts'
import type { HostFolders } from './host-folders.ts'

/** Makes the `job.json` of an order. Called again it finds what it has brought before. */
export type Prepare = (order: JobOrder) => Promise<JobFile>

/** Brings code and inputs of an order to a host, or to a file system that its hosts share. Throws STORE_*, OBJECT_*. */
export async function prepare(store: Store, folders: HostFolders, order: JobOrder): Promise<JobFile> {
  const { stream = [], code, inputs, metrics, command, ...rest } = order
  const { attempt, store: address } = order
  const brought = Object.entries(inputs).map(async ([name, input]) => {
    const how = { attempt, address, streamed: stream.includes(name) }
    return [name, await bringInput(store, folders, input, how)] as const
  })
  const [folder, entries] = await Promise.all([
    typeof code === 'string' ? code : materialiseCode(store, code, folders.code, attempt),
    Promise.all(brought),
  ])
  faultPoint('inputs-staged')
  const [word = '', ...words] = command
  return {
    ...rest,
    command: [word === 'python' ? folders.python : word, ...words],
    code: folder,
    inputs: Object.fromEntries(entries),
    ...(stream.length > 0 ? { cache: folders.streams } : {}),
    ...(metrics ? { metrics: withFolder(metrics, metricsFolder(folders.metrics, order.job, order.shard)) } : {}),
  }
}

/** For orders of which everything is there already. */
export const prepared: Prepare = async (order) => {
  const { stream: _, code, inputs, metrics, ...rest } = order
  const there = Object.entries(inputs).filter(([, input]) => input !== null && 'kind' in input).length === 0
  if (typeof code !== 'string' || !there || (metrics && !('folder' in metrics)))
    throw new Error(`${order.attempt}: code and inputs are not on this host`)
  return { ...rest, code, inputs: inputs as JobFile['inputs'], ...(metrics ? { metrics } : {}) }
}

/** Files with the curves of a job, whichever runs want it: every attempt goes on where the last one stopped. */
export const metricsFolder = (folder: string, job: string, shard: number): string => join(folder, job, `s${shard}`)

const withFolder = (metrics: NonNullable<JobOrder['metrics']>, folder: string): MetricsFile =>
  'folder' in metrics ? metrics : { folder, ...metrics }
