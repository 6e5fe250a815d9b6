import { readdir } from 'node:fs/promises'
import type { Logger } from 'pino'
import type { EngineEnd } from '../../protocol/engine-end.ts'
import type { AttemptExit } from '../../protocol/exit-record.ts'
import { readExit, removeSecrets, revokeClaim } from '../attempt-directory.ts'
import type { Observation } from '../engine.ts'
import { badNodes, type EndedJob, endOfJob } from './end-of-job.ts'
import { meaningOf } from './job-states.ts'
import type { OldJobs } from './old-jobs.ts'
import { whyPending } from './pending-reasons.ts'
import { type Answer, jobKey, type QueuePoll } from './queue-poll.ts'
import { hostNames, type QueuedJob } from './read-queue.ts'
import { filesIn } from './signs.ts'
import type { SlurmCommands } from './slurm-commands.ts'
import { keepLastWord, readJobClaim, readLastWord, readSubmission, type Submission } from './submission.ts'

/** What a look at an attempt has found. */
export type Seen = {
  observation: Observation
  /** What Slurm knows it by. */
  job: { name: string; task: number | null } | null
  /** Of those that tell of start and end, the files that were there. */
  files: string
}

export type LookOptions = {
  directory: (attempt: string) => string
  commands: SlurmCommands
  queue: QueuePoll
  old: OldJobs
  log: Pick<Logger, 'warn'>
}

/** What an attempt's own files say of one that isn't known to be over. */
type Facts = {
  directory: string
  submission: Submission
  /** Number of the job that has claimed it. */
  claim: string | null
  /** From when on Slurm must know of it, in Unix milliseconds of this host. */
  since: number
}

/** A start that is further away means that Slurm doesn't know: it counts on limits that the jobs ahead don't have. */
const FAR_MS = 180 * 24 * 3_600_000

/**
 * Looks at attempts: first at their own files, which say all of one that is done, then at Slurm's queue. Where Slurm
 * doesn't answer, nothing is concluded.
 */
export class Look {
  readonly #options: LookOptions
  /** When this process first saw who has claimed an attempt: an older answer of Slurm's may be from before its start. */
  readonly #claimsSeen = new Map<string, number>()
  /** Of attempts that Slurm has accepted: what they are known by doesn't change any more. */
  readonly #accepted = new Map<string, Submission>()

  constructor(options: LookOptions) {
    this.#options = options
  }

  /** Of many attempts: all of their files are read before Slurm is asked, so that one answer does for all. */
  async at(attempts: readonly string[]): Promise<Map<string, Seen>> {
    const read = await Promise.all(attempts.map((attempt) => this.#read(attempt)))
    const answer = read.some(({ facts }) => facts !== null)
      ? await this.#options.queue.latest().catch(() => null)
      : null
    const seen = read.map(async ({ attempt, facts, ...rest }): Promise<[string, Seen]> => {
      if (facts === null) return [attempt, rest]
      if (answer === null) return [attempt, { ...rest, observation: { state: 'unknown' } }]
      try {
        const observation = await this.#conclude(facts, answer)
        if (observation.state === 'exited') this.#forget(attempt)
        return [attempt, { ...rest, observation }]
      } catch (error) {
        return [attempt, { ...rest, observation: this.#cantTell(attempt, error) }]
      }
    })
    return new Map(await Promise.all(seen))
  }

  /** What its files say; `facts` are what Slurm has to be asked about. */
  async #read(attempt: string): Promise<Seen & { attempt: string; facts: Facts | null }> {
    const directory = this.#options.directory(attempt)
    const files = await filesIn(directory)
    try {
      const job = await this.#submission(attempt, directory)
      const found = await this.#fromFiles(attempt, directory, files, job)
      if ('state' in found) {
        this.#forget(attempt)
        return { attempt, observation: found, job, files, facts: null }
      }
      return { attempt, observation: { state: 'unknown' }, job, files, facts: found }
    } catch (error) {
      return { attempt, observation: this.#cantTell(attempt, error), job: null, files, facts: null }
    }
  }

  async #submission(attempt: string, directory: string): Promise<Submission | null> {
    const known = this.#accepted.get(attempt)
    if (known) return known
    const submission = await readSubmission(directory)
    if (submission !== null && submission.id !== null) this.#accepted.set(attempt, submission)
    return submission
  }

  #forget(attempt: string): void {
    this.#claimsSeen.delete(attempt)
    this.#accepted.delete(attempt)
  }

  /** Reads those that were there just now: hundreds that wait have none, and are looked at again and again. */
  async #fromFiles(
    attempt: string,
    directory: string,
    files: string,
    submission: Submission | null,
  ): Promise<Observation | Facts> {
    const [claim, exit, word] = await Promise.all([
      files.includes('claim') ? readJobClaim(directory) : null,
      files.includes('exit.json') ? readExit(directory) : null,
      files.includes('end.json') ? readLastWord(directory) : null,
    ])
    if (word) return { state: 'exited', exit, end: word.end }
    if (claim === 'revoked') return { state: 'revoked' }
    if (exit && isDone(exit)) return { state: 'exited', exit, end: null }
    if (submission === null) return { state: 'unclaimed' }
    const seenAt = this.#claimsSeen.get(attempt) ?? Date.now()
    if (claim) this.#claimsSeen.set(attempt, seenAt)
    const since = Math.max(submission.at, claim ? seenAt : 0)
    return { directory, submission, claim: claim?.job ?? null, since }
  }

  #cantTell(attempt: string, error: unknown): Observation {
    this.#options.log.warn({ attempt, err: error }, 'attempt could not be observed')
    return { state: 'unknown' }
  }

  #conclude(facts: Facts, answer: Answer): Promise<Observation> {
    const job = findJob(answer, facts)
    return job ? this.#listed(facts, job, answer) : this.#missing(facts, answer)
  }

  async #listed(facts: Facts, job: QueuedJob, { askedAt }: Answer): Promise<Observation> {
    const { claim, since } = facts
    const { state, reason, id } = job
    const meaning = meaningOf(state)
    switch (meaning?.phase) {
      case 'queued':
        if (claim === null) return { state: 'queued', why: whyPending(job), startsAt: soon(job.startsAt) }
        return askedAt < since ? this.#notYet(facts) : this.#putBack(facts, job)
      case 'running':
        if (claim === null) return { state: 'queued', why: `Slurm: ${state}: its batch step starts`, startsAt: null }
        return { state: 'running', nodes: hostNames(job.nodes) }
      case 'over':
        return this.#over(facts, job)
      case 'elsewhere':
        return { state: 'unknown' }
      case undefined:
        this.#options.log.warn({ job: id, state, reason }, 'Slurm says a state that is not known here')
        return { state: 'unknown' }
      default:
        return meaning satisfies never
    }
  }

  /** Slurm doesn't list it: not yet, or not any more, or it never had it. */
  async #missing(facts: Facts, { askedAt }: Answer): Promise<Observation> {
    if (askedAt < facts.since) return this.#notYet(facts)
    const { submission, claim } = facts
    const id = claim ?? submission.id
    if (id === null) return { state: 'unclaimed' }
    const old = await this.#options.old.find({ id, name: submission.name })
    if (old) return this.#over(facts, old)
    const message = `ended without a record, and Slurm has forgotten it (job ${id})`
    // Its record may have come since its files were read.
    return this.#close(facts, ({ recorded }) => (recorded ? null : { kind: 'nodeLost', message, nodes: [] }))
  }

  /** What Slurm said last is older than what the attempt's files say. */
  #notYet({ claim }: Facts): Observation {
    this.#options.queue.hurry()
    return claim ? { state: 'running' } : { state: 'queued', why: 'Slurm has just been asked', startsAt: null }
  }

  /** Whoever did it: its attempt is claimed, so that it would end at once, and the next one has a fence of its own. */
  async #putBack(facts: Facts, { id, reason }: QueuedJob): Promise<Observation> {
    await this.#options.commands.run('scancel', [id]).catch(() => {})
    const message = `was put back into Slurm's queue (job ${id}: ${reason})`
    return this.#close(facts, () => ({ kind: 'nodeLost', message, nodes: [] }))
  }

  #over(facts: Facts, job: EndedJob): Promise<Observation> {
    return this.#close(facts, async (left) => {
      const end = endOfJob(job, left)
      return end?.kind === 'nodeLost' && end.nodes.length === 0 && job.nodes
        ? { ...end, nodes: await this.#badNodes(job.nodes) }
        : end
    })
  }

  /** Sees to it that it can't start any more, and keeps the reason, which Slurm forgets. */
  async #close(
    { directory, claim: claimed }: Facts,
    why: (left: { claimed: boolean; recorded: boolean }) => EngineEnd | null | Promise<EngineEnd | null>,
  ): Promise<Observation> {
    // An NFS client that was told that a file isn't there may go on believing so until it lists the folder.
    await readdir(directory)
    const claim = claimed ?? (await claimForNobody(directory))
    const exit = await readExit(directory)
    if (exit && isDone(exit)) return { state: 'exited', exit, end: null }
    const end = await why({ claimed: claim !== null, recorded: exit !== null })
    await removeSecrets(directory)
    return { state: 'exited', exit, ...(await keepLastWord(directory, end)) }
  }

  async #badNodes(nodes: string): Promise<string[]> {
    const options = ['--noheader', '--Node', `--nodes=${nodes}`, '--format=%N|%T']
    return badNodes(await this.#options.commands.run('sinfo', options).catch(() => ''))
  }
}

/** Nothing that Slurm could add would change what it means. */
const isDone = ({ cause, ranks }: AttemptExit): boolean =>
  cause === 'ranks' && ranks.length > 0 && ranks.every(({ code }) => code === 0)

const NEAREST = ['running', 'queued', 'elsewhere', 'over']

/** Submitted twice, it is listed twice: the job that has claimed it counts, else the one that is nearest to it. */
function findJob({ jobs }: Answer, { submission, claim }: Facts): QueuedJob | undefined {
  const listed = jobs.get(jobKey(submission)) ?? []
  if (claim !== null) return listed.find(({ number }) => number === claim)
  const rank = ({ state }: QueuedJob) => NEAREST.indexOf(meaningOf(state)?.phase ?? 'elsewhere')
  return listed.toSorted((a, b) => rank(a) - rank(b))[0]
}

/** Null when that was possible: nobody can start it any more. Else the number of the job that was first. */
async function claimForNobody(directory: string): Promise<string | null> {
  if (await revokeClaim(directory)) return null
  const claim = await readJobClaim(directory)
  return claim === null || claim === 'revoked' ? null : claim.job
}

const soon = (at: number | null): number | null => (at !== null && at < Date.now() + FAR_MS ? at : null)
