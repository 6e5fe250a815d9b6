import { randomBytes } from 'node:crypto'
import { link, rm, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { EngineEnd } from '../../protocol/engine-end.ts'
import { claimPath, hasCode, readIfThere, writeWhole } from '../attempt-directory.ts'

/** `slurm.json` of an attempt: written before it is submitted, and again once Slurm has accepted it. */
const Submission = z.strictObject({
  /** Of the job, or of the array that the attempt is a task of. */
  name: z.string(),
  task: z.int().nullable(),
  /** Unix milliseconds. */
  at: z.number(),
  /** What Slurm calls it: `12`, or `12_3`; null until it is known to have accepted it. */
  id: z.string().nullable(),
})
export type Submission = z.infer<typeof Submission>

export async function readSubmission(directory: string): Promise<Submission | null> {
  const text = await readIfThere(join(directory, 'slurm.json'))
  return text === null ? null : Submission.parse(JSON.parse(text))
}

export const writeSubmission = (directory: string, submission: Submission): Promise<void> =>
  writeWhole(join(directory, 'slurm.json'), submission, 0o644)

export const removeSubmission = (directory: string): Promise<void> => rm(join(directory, 'slurm.json'), { force: true })

/** `claim` of an attempt on Slurm: the number of the one job whose batch step may start it. */
const Claim = z.union([
  z.strictObject({ revoked: z.literal(true) }),
  z.strictObject({ slurm: z.strictObject({ job: z.string() }) }),
])

/** The number of the job that has claimed the attempt; null when nobody has. */
export async function readJobClaim(directory: string): Promise<{ job: string } | 'revoked' | null> {
  const text = await readIfThere(claimPath(directory))
  if (text === null) return null
  const claim = Claim.parse(JSON.parse(text))
  return 'revoked' in claim ? 'revoked' : claim.slurm
}

/** `end.json`: Slurm's last word on an attempt, which it forgets itself after some minutes. The first one counts. */
const LastWord = z.strictObject({ end: EngineEnd.nullable() })

export async function readLastWord(directory: string): Promise<{ end: EngineEnd | null } | null> {
  const text = await readIfThere(join(directory, 'end.json'))
  return text === null ? null : LastWord.parse(JSON.parse(text))
}

export async function keepLastWord(directory: string, end: EngineEnd | null): Promise<{ end: EngineEnd | null }> {
  const path = join(directory, 'end.json')
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  await writeFile(temporary, `${JSON.stringify({ end })}\n`, { flag: 'wx' })
  try {
    await link(temporary, path)
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
  } finally {
    await unlink(temporary)
  }
  return (await readLastWord(directory)) ?? { end }
}
