import { createHash } from 'node:crypto'
import type { Json } from '../spec/pipeline.ts'
import { canonicalJson } from './canonical-json.ts'
import type { KeyParts } from './plan.ts'

export const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex')

/**
 * The name of a job: SHA-256 of its canonical parts, 64 hex digits. Only what can change the result is part of it,
 * so where and how it runs (pool, shards, resources, priority, checkpoints, secrets, the stage's name) is not.
 */
export const contentKey = (parts: KeyParts): string => sha256(canonicalJson(parts satisfies Record<string, Json>))
