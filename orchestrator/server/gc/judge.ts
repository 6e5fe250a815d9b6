import { type Candidate, type Kept, keepers, showKeep } from '../../run/keepers.ts'
import { type FenceHistory, lineage } from '../../store/lineage.ts'
import { coversArtifact, type Garbage, type Mark, type Subject } from '../../store/marks.ts'
import type { Amount, FoundAttempt, FoundCheckpoint, Survey } from '../../store/survey.ts'
import type { JobNeeds, Standing } from './needs.ts'

/** How old something has to be before it counts as garbage, in milliseconds by the store's clock. */
export type Ages = {
  /** What an attempt that ended left without finishing it. */
  leftovers: number
  /** An artifact that no run needs, since it was made or a run with it ended. */
  artifacts: number
  logs: number
}

export type Facts = {
  /** Null: the control plane knows nothing of the job. */
  needs: JobNeeds | null
  pinned: boolean
  marks: readonly Mark[]
  now: number
  ages: Ages
}

/**
 * What of a job's objects is garbage. Level-triggered: asked again it says the same, until something has changed; and
 * what a deletion that broke off has left is garbage whatever has changed.
 */
export function judge(found: Survey, facts: Facts): Garbage[] {
  const whole = judgeArtifact(found, facts)
  const rest = found.attempts.filter(({ shard, fence }) => whole === null || !isWithin(whole.subject, shard, fence))
  return [
    ...(whole === null ? [] : [whole]),
    ...judgeCheckpoints(found, rest, facts),
    ...rest.flatMap((attempt) => judgeOutputs(found, attempt, facts)),
    ...found.attempts.flatMap((attempt) => judgeLogs(found, attempt, facts)),
  ]
}

/** Which checkpoints of a shard stay, and why: the rest is garbage. */
export function keptOf(found: Survey, shard: number, needs: JobNeeds): ReadonlyMap<string, readonly Kept[]> {
  const checkpoints = found.attempts.filter((attempt) => attempt.shard === shard).flatMap(committed)
  const candidates = new Map(checkpoints.map((one) => [one.key, candidate(one)]))
  const order = resumable(found, shard).flatMap((key) => candidates.get(key) ?? [])
  // Once it has saved something of its own, an attempt is done with what it was told to resume from.
  const hasSaved = (fence: number) => checkpoints.some(({ manifest }) => manifest?.fence === fence)
  const live = needs.attempts.filter(
    (attempt) => attempt.shard === shard && attempt.standing === 'live' && !hasSaved(attempt.fence),
  )
  // Where the lineage has none, the newest of the others may be all that there is of the work.
  const newest = checkpoints.at(-1)
  const last = order.length === 0 && newest ? [candidate(newest)] : order
  return keepers(
    last,
    needs.keep,
    live.flatMap(({ resume }) => resume).filter((key) => candidates.has(key)),
  )
}

const candidate = ({ key, step, manifest, verdict }: FoundCheckpoint): Candidate => ({
  key,
  step,
  metrics: manifest?.metrics ?? {},
  broken: (verdict?.problems.length ?? 0) > 0,
})

const committed = ({ checkpoints }: FoundAttempt): FoundCheckpoint[] =>
  checkpoints.filter(({ manifest }) => manifest !== null)

function resumable(found: Survey, shard: number): string[] {
  const history = found.claims
    .filter((claim) => claim.shard === shard)
    .map(({ fence, told }): FenceHistory => {
      const attempt = found.attempts.find((one) => one.shard === shard && one.fence === fence)
      const manifests = attempt === undefined ? [] : committed(attempt)
      return {
        fence,
        told,
        manifests: manifests.map(({ key, step, manifest }) => ({ key, step, parent: manifest?.parent ?? null })),
      }
    })
  return lineage(history)
}

type Whole = Garbage & { subject: Extract<Subject, { kind: 'artifact' }> }

/** An artifact as a whole, or what is left of one whose pointer is gone. */
function judgeArtifact(found: Survey, { needs, pinned, marks, now, ages }: Facts): Whole | null {
  const { job, artifact } = found
  const mark = marks.find((one): one is Mark & Whole => one.subject.kind === 'artifact')
  if (mark && (artifact === null || !coversArtifact(mark, artifact.fences))) {
    const { subject, why } = mark
    const left = found.attempts.filter(({ shard, fence }) => isWithin(subject, shard, fence))
    return { subject, why, ...sum(left.flatMap(partsOf)) }
  }
  if (artifact === null || pinned || needs?.wanted === true) return null
  const age = Math.max(0, now - Math.max(artifact.newest, needs?.usedAt ?? 0))
  if (age < ages.artifacts) return null
  const upTo = artifact.fences.map((fence, shard) => Math.max(fence, newestFence(found, shard)))
  const subject = mark?.subject ?? { kind: 'artifact' as const, job, upTo }
  const why = 'no run needs it'
  const within = found.attempts.filter(({ shard, fence }) => isWithin(subject, shard, fence))
  return { subject, why, ...sum([artifact, ...within.flatMap(partsOf)]) }
}

const isWithin = ({ upTo }: Whole['subject'], shard: number, fence: number): boolean => fence <= (upTo[shard] ?? 0)

/** The newest fence that anything is known of. */
const newestFence = ({ claims, attempts }: Survey, shard: number): number =>
  Math.max(0, ...[...claims, ...attempts].filter((one) => one.shard === shard).map(({ fence }) => fence))

/** All that goes with an artifact: logs have an age of their own. */
const partsOf = ({ checkpoints, outputs }: FoundAttempt): Amount[] => [
  ...checkpoints,
  ...(outputs === null ? [] : [outputs]),
]

const sum = (parts: readonly Amount[]): { objects: number; bytes: number } => ({
  objects: parts.reduce((total, { objects }) => total + objects, 0),
  bytes: parts.reduce((total, { bytes }) => total + bytes, 0),
})

function judgeCheckpoints(found: Survey, attempts: readonly FoundAttempt[], facts: Facts): Garbage[] {
  const { needs } = facts
  return [...new Set(attempts.map(({ shard }) => shard))].flatMap((shard) => {
    const kept = needs && keptOf(found, shard, needs)
    const lineage = new Set(resumable(found, shard))
    const whyNot = (attempt: FoundAttempt, checkpoint: FoundCheckpoint): string | null => {
      if (checkpoint.manifest === null) return whyUncommitted(found, attempt, checkpoint, facts)
      return needs === null || kept?.has(checkpoint.key) ? null : whyDropped(checkpoint, lineage, needs)
    }
    return attempts
      .filter((attempt) => attempt.shard === shard)
      .flatMap((attempt) =>
        attempt.checkpoints.flatMap((checkpoint): Garbage[] => {
          const why = whyNot(attempt, checkpoint)
          const { step, objects, bytes, manifest } = checkpoint
          const { fence } = attempt
          const at = { job: found.job, shard, fence, step, committed: manifest !== null }
          return why === null ? [] : [{ subject: { kind: 'checkpoint', ...at }, why, objects, bytes }]
        }),
      )
  })
}

function whyDropped({ key, verdict }: FoundCheckpoint, lineage: ReadonlySet<string>, { keep }: JobNeeds): string {
  if ((verdict?.problems.length ?? 0) > 0) return 'broken'
  return lineage.has(key) ? `beyond ${showKeep(keep)}` : 'saved by a replaced attempt'
}

function whyUncommitted(
  found: Survey,
  attempt: FoundAttempt,
  { step, newest }: FoundCheckpoint,
  facts: Facts,
): string | null {
  const { shard, fence } = attempt
  const begun = facts.marks.find(
    ({ subject }) =>
      subject.kind === 'checkpoint' &&
      subject.committed &&
      subject.shard === shard &&
      subject.fence === fence &&
      subject.step === step,
  )
  if (begun) return begun.why
  const dead = isDead(found, attempt, facts.needs)
  return dead && facts.now - newest >= facts.ages.leftovers ? 'never finished' : null
}

function judgeOutputs(found: Survey, attempt: FoundAttempt, { needs, now, ages }: Facts): Garbage[] {
  const { shard, fence, outputs } = attempt
  if (outputs === null || now - outputs.newest < ages.leftovers || found.artifact?.fences[shard] === fence) return []
  if (standingOf(attempt, needs) === 'taken' || !isDead(found, attempt, needs)) return []
  // Whole ones may still become the artifact, unless there is one, or another attempt has taken the place.
  if (outputs.listed && found.artifact === null && fence === newestFence(found, shard)) return []
  const { objects, bytes } = outputs
  const why = outputs.listed ? 'of a replaced attempt' : 'never finished'
  return [{ subject: { kind: 'outputs', job: found.job, shard, fence }, why, objects, bytes }]
}

function judgeLogs(found: Survey, attempt: FoundAttempt, { needs, now, ages }: Facts): Garbage[] {
  const { shard, fence, logs } = attempt
  if (logs === null || now - logs.newest < ages.logs || standingOf(attempt, needs) === 'live') return []
  const { objects, bytes } = logs
  return [{ subject: { kind: 'logs', job: found.job, shard, fence }, why: 'old', objects, bytes }]
}

const standingOf = ({ shard, fence }: FoundAttempt, needs: JobNeeds | null): Standing =>
  needs?.attempts.find((one) => one.shard === shard && one.fence === fence)?.standing ?? 'lost'

/**
 * Whether an attempt writes nothing that could ever count: its end was seen, or another has its place, so that what it
 * writes is never chosen.
 */
function isDead(found: Survey, attempt: FoundAttempt, needs: JobNeeds | null): boolean {
  const standing = standingOf(attempt, needs)
  if (standing === 'live') return false
  return standing === 'lost' ? attempt.fence < newestFence(found, attempt.shard) : true
}
