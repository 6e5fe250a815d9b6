import { hostCapacity } from '../../../engines/host-capacity.ts'
import { aptInstall, type Check, missing, ok } from '../check.ts'
import { findProgram } from './find-program.ts'

/** The built-in pool: what this machine has for attempts, and the program by which their locks are asked for. */
export async function localCheck(): Promise<Check> {
  const name = 'pool local'
  if ((await findProgram('flock')) === null)
    return missing(name, 'flock is not installed: it tells whether an attempt lives', aptInstall('util-linux'))
  const { cores, gpus } = await hostCapacity()
  return ok(name, `${cores} cores, ${gpus.length > 0 ? `${gpus.length} GPUs` : 'no GPU (nvidia-smi shows none)'}`)
}
