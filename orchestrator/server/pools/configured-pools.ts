import { readFileSync } from 'node:fs'
import { hasCode } from '../../engines/attempt-directory.ts'
import { OrchestrateError } from '../../errors.ts'
import { localPool, type Pool } from '../../spec/pools/pool.ts'
import { readPools } from '../../spec/pools/read-pools.ts'
import { showPlace } from '../../spec/problems.ts'

/** The pools of a daemon: what its file says, or this machine alone. `named`: somebody asked for that very file. */
export function configuredPools({ path, named }: { path: string; named: boolean }): Pool[] {
  const text = readIfThere(path)
  if (text === null && !named) return [localPool]
  if (text === null) throw new OrchestrateError('POOLS_INVALID', `ORCHESTRATE_POOLS is ${path}; there is no such file`)
  const read = readPools(path, text)
  if ('pools' in read) return read.pools
  const lines = read.problems.map((problem) => `${showPlace(problem)}  ${problem.message}`)
  throw new OrchestrateError('POOLS_INVALID', lines.join('\n'))
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null
    throw new OrchestrateError('POOLS_INVALID', `${path} can't be read: ${(error as Error).message}`, { cause: error })
  }
}
