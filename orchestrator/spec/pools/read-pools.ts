import { checkShape } from '../check-shape.ts'
import { readDocument } from '../document.ts'
import type { Problem } from '../pipeline.ts'
import { localPool, type Pool } from './pool.ts'
import { PoolsShape } from './shape.ts'

/** Checks a `pools.yaml`; tells every problem at once. The built-in pool `local` comes first. */
export function readPools(file: string, text: string): { pools: Pool[] } | { problems: Problem[] } {
  const { document, problems } = readDocument(file, text)
  if (document === null || problems.size > 0) return { problems: problems.sorted() }
  for (const { path, of, message } of checkShape(PoolsShape, document.root, []))
    problems.add(document.place(path, of), message)
  if (problems.size > 0) return { problems: problems.sorted() }
  const { pools } = PoolsShape.parse(document.root)
  if ('local' in pools) problems.add(document.place(['pools', 'local'], 'key'), "'local' is this machine, and built in")
  if (problems.size > 0) return { problems: problems.sorted() }
  return { pools: [localPool, ...Object.entries(pools).map(([name, pool]): Pool => ({ name, ...pool }))] }
}
