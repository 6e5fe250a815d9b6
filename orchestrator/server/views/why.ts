import type { Attempt, Job } from '../../run/job.ts'
import { stateName } from '../../run/job.ts'
import type { Outcome } from '../../run/job-events.ts'
import type { WhyView } from '../api.ts'
import type { Context } from '../conduct/context.ts'
import { waitsOf } from './waits.ts'
import { warningsOf } from './warnings.ts'

/** What a job waits for, or why it failed: a sentence, the evidence, and what to type next. */
export async function whyView(context: Context, job: Job, run: string | null): Promise<WhyView> {
  const name = job.planned.stage
  switch (job.phase) {
    case 'succeeded':
      return {
        sentence: `${name} is done${job.summary ? `: ${job.summary}` : ''}.`,
        evidence: job.attempts.length === 0 ? ['it was found in the store, made by an earlier run'] : attemptLines(job),
        next: [],
      }
    case 'failed':
      return whyFailed(context, job, run)
    case 'cancelled':
      return {
        sentence: `${name} was cancelled: no run wants it any more.`,
        evidence: attemptLines(job),
        next: run ? [`orchestrate resume ${run}`] : [],
      }
    case 'waiting':
    case 'open':
      return whyNow(context, job)
    default:
      return job.phase satisfies never
  }
}

async function whyNow(context: Context, job: Job): Promise<WhyView> {
  const name = job.planned.stage
  const waits = waitsOf(context, job)
  const warnings = await warningsOf(context, job)
  if (!waits) {
    const attempt = job.attempts.at(-1)
    const log = attempt ? await context.logs.get(attempt.attempt) : null
    const at = log?.progress ? `, at ${log.progress.step} of ${log.progress.of} ${log.progress.unit}` : ''
    return {
      sentence: `${name} is ${stateName(job)}${at}${attempt ? askedTo(attempt) : ''}.`,
      evidence: [...sharedLines(job), ...warnings, ...attemptLines(job)],
      next: attempt ? [`orchestrate logs ${job.key.slice(0, 7)} --follow`] : [],
    }
  }
  const chain = chainOf(context, job)
  const until = waits.until ? ` at ${new Date(waits.until).toISOString()}` : ''
  const reason = /^(waits|tries|about)/.test(waits.reason) ? waits.reason : `waits: ${waits.reason}`
  return {
    sentence: `${name} ${reason}${until}.`,
    evidence: [...sharedLines(job), ...chain, ...warnings, ...attemptLines(job)],
    next: [],
  }
}

/** That several runs wait for the same attempt. */
const sharedLines = ({ wants }: Job): string[] =>
  wants.size > 1 ? [`${[...wants.keys()].join(' and ')} wait for it; cancelling one leaves it to the others`] : []

function askedTo({ stopping, endedAt }: Attempt): string {
  if (!stopping || endedAt !== null) return ''
  return stopping === 'unwanted' || stopping === 'sibling' ? '; it was asked to save and stop' : '; it is being killed'
}

/** For each unfinished input: what it does itself. */
function chainOf(context: Context, job: Job): string[] {
  return job.planned.needs.flatMap((key) => {
    const input = context.aggregates.jobs.get(key)
    if (!input || input.phase === 'succeeded') return []
    const waits = waitsOf(context, input)
    return [
      `${input.planned.stage} is ${stateName(input)}${waits ? `: ${waits.reason}` : ''}`,
      ...chainOf(context, input),
    ]
  })
}

async function whyFailed(context: Context, job: Job, run: string | null): Promise<WhyView> {
  const { error } = job
  const name = job.planned.stage
  const root = error?.input ? context.aggregates.jobs.get(error.input) : undefined
  if (root) {
    const cause = await whyFailed(context, root, run)
    return { ...cause, sentence: `${name} could not run: ${cause.sentence}` }
  }
  const tries = job.attempts.filter((attempt) => attempt.outcome !== null).length
  const attempt = error?.attempt ?? job.attempts.at(-1)?.attempt
  return {
    sentence: `${name} failed after ${tries === 1 ? '1 attempt' : `${tries} attempts`}: ${error?.message ?? 'no reason recorded'} (${error?.code ?? 'UNKNOWN'})`,
    evidence: [
      ...(error?.tail ? error.tail.split('\n') : []),
      ...(await warningsOf(context, job)),
      ...attemptLines(job),
    ],
    next: [
      ...(error?.hint ? [error.hint] : []),
      ...(attempt
        ? [
            `orchestrate logs ${job.key.slice(0, 7)}${error?.rank ? ` --rank ${error.rank}` : ''} --stderr`,
            `orchestrate debug ${attempt}`,
          ]
        : []),
      ...(run ? [`orchestrate resume ${run}`] : []),
    ],
  }
}

function attemptLines(job: Job): string[] {
  return job.attempts.map((attempt) => {
    const seconds = attempt.endedAt === null ? null : Math.round((attempt.endedAt - attempt.placedAt) / 1000)
    return [
      `attempt ${attempt.attempt} on ${attempt.host}: ${howItEnded(attempt)}`,
      seconds === null ? '' : ` after ${seconds} s`,
      attempt.reached === null ? '' : `, at step ${attempt.reached}`,
      attempt.step === null ? '' : `, last checkpoint at step ${attempt.step}`,
    ].join('')
  })
}

const words: Record<Outcome['kind'], string> = {
  done: 'done',
  stopped: 'stopped',
  preempted: 'preempted',
  nodeLost: 'lost',
  blocked: 'blocked',
  misused: 'refused',
  outOfMemory: 'out of memory',
  crashed: 'crashed',
  hung: 'hung',
}

function howItEnded({ revoked, outcome }: Attempt): string {
  if (revoked) return 'revoked before it started'
  if (!outcome) return 'running'
  if (!('error' in outcome)) return words[outcome.kind]
  const { code, message } = outcome.error
  return `${words[outcome.kind]}: ${message}${code === 'HUNG' ? '' : ` (${code})`};`
}
