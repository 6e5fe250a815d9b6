import type { z } from 'zod'
import { OrchestrateError } from '../errors.ts'
import type { Store } from './store.ts'

/** An object that holds JSON of a known shape, or null if there is none; STORE_CORRUPT if it holds anything else. */
export async function readJson<S extends z.ZodType>(store: Store, key: string, shape: S): Promise<z.infer<S> | null> {
  const body = await store.get(key)
  if (body === null) return null
  const parsed = shape.safeParse(parse(body.toString()))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const place = issue?.path.length ? ` at ${issue.path.join('.')}` : ''
  throw new OrchestrateError('STORE_CORRUPT', `${store.url}/${key} cannot be read: ${issue?.message}${place}`)
}

export const toJson = (value: unknown): string => `${JSON.stringify(value)}\n`

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
