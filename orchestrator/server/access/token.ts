import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'

const common = {
  id: z.string().regex(/^[0-9a-f]{12}$/),
  name: z.string(),
  /** SHA-256 of the secret: the secret itself is shown once, and kept nowhere. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  createdAt: z.number(),
  /** Unix milliseconds; null: never. */
  expiresAt: z.number().nullable(),
}

/** Who may come from elsewhere. One shape for each role, so that a role brings its own bounds. */
export const Token = z.discriminatedUnion('role', [
  z.strictObject({
    ...common,
    role: z.literal('ci'),
    /** Names, `*` standing for anything. */
    pipelines: z.array(z.string()),
    pools: z.array(z.string()),
  }),
])
export type Token = z.infer<typeof Token>

type Given<T> = T extends Token ? Omit<T, 'id' | 'hash'> : never

/** A token as it is written down, and as its holder has it. */
export function makeToken(given: Given<Token>): { token: Token; text: string } {
  const id = randomBytes(6).toString('hex')
  // 256 random bits: nobody guesses them, so a hash that is slow on purpose would only cost each request.
  const secret = randomBytes(32).toString('hex')
  return { token: { ...given, id, hash: digest(secret).toString('hex') }, text: `orc_${id}_${secret}` }
}

export function readToken(text: string): { id: string; secret: string } | null {
  const [, id, secret] = /^orc_([0-9a-f]{12})_([0-9a-f]{64})$/.exec(text) ?? []
  return id === undefined || secret === undefined ? null : { id, secret }
}

/** Takes the same time wherever they differ. */
export const isSecretOf = (token: Token, secret: string): boolean =>
  timingSafeEqual(digest(secret), Buffer.from(token.hash, 'hex'))

const digest = (secret: string): Buffer => createHash('sha256').update(secret).digest()

/** Whether a name is one of those that a token lists. */
export const isNamed = (patterns: readonly string[], name: string): boolean =>
  patterns.some((pattern) => {
    const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    return new RegExp(`^${parts.join('.*')}$`, 's').test(name)
  })
