import { parquetReadObjects } from 'hyparquet'
import { z } from 'zod'
import type { Trial } from '../../report/input.ts'
import type { Store } from '../../store/store.ts'

// Parquet's 64-bit integers arrive as bigint.
const int = z.union([z.number(), z.bigint()]).transform(Number)

const Row = z.object({
  policy: z.enum(['trained', 'untrained', 'expert']),
  task: z.string(),
  trial: int,
  seed: int,
  initial_state: z.string(),
  success: z.boolean(),
  steps: int,
  reason: z.string(),
})

/** Trial records of an output: every `.parquet` file in it, one row a trial. */
export async function readTrials(store: Store, files: { key: string; path: string }[]): Promise<Trial[]> {
  const trials: Trial[] = []
  for (const file of files.filter(({ path }) => path.endsWith('.parquet'))) {
    const content = await store.get(file.key)
    if (!content) continue
    const buffer = content.buffer.slice(content.byteOffset, content.byteOffset + content.byteLength) as ArrayBuffer
    for (const row of await parquetReadObjects({ file: buffer })) trials.push(Row.parse(row))
  }
  return trials
}
