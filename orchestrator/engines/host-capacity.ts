import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'

export type HostCapacity = { cores: number /** UUIDs, as CUDA_VISIBLE_DEVICES understands them. */; gpus: string[] }

/** What this machine has for attempts: cores within this process's own limits, and the GPUs that the driver shows. */
export async function hostCapacity(): Promise<HostCapacity> {
  return { cores: availableParallelism(), gpus: await listGpus() }
}

async function listGpus(): Promise<string[]> {
  try {
    const { stdout } = await promisify(execFile)('nvidia-smi', ['-L'], { timeout: 10_000 })
    return parseGpus(stdout)
  } catch {
    return [] // no driver, or one that doesn't answer: then nothing can be run on its GPUs
  }
}

/**
 * Reads `nvidia-smi -L`. Of a GPU that is cut into MIG slices, the slices are listed below it, and only they can be used:
 *
 *     GPU 0: NVIDIA H200 (UUID: GPU-5c89…)
 *       MIG 1g.18gb     Device  0: (UUID: MIG-3f2b…)
 */
export function parseGpus(listing: string): string[] {
  const found: string[] = []
  let whole: string | undefined
  for (const line of listing.split('\n')) {
    const uuid = /\(UUID: ((?:GPU|MIG)-[^)]+)\)/.exec(line)?.[1]
    if (!uuid) continue
    if (uuid.startsWith('MIG') && found.at(-1) === whole) found.pop()
    if (uuid.startsWith('GPU')) whole = uuid
    found.push(uuid)
  }
  return found
}
