import type { JobView, RunView, Trouble } from '../../server/api.ts'
import { isOver, jobRef } from './job-name.ts'
import { printable } from './line.ts'
import { metricsCommands } from './metrics-commands.ts'

/** What to print in a pipe when a run went from `before` to `after`: one line for each change, nothing else. */
export function plainLines(before: RunView | null, after: RunView, now: number): string[] {
  const known = new Map(before?.jobs.map((job) => [job.key, job]))
  const lines = after.jobs.flatMap((job) => {
    const last = known.get(job.key) ?? null
    const words = change(last, job)
    const warned = job.warnings.filter((text) => last?.warnings.includes(text) !== true)
    const name = jobRef(job, after.jobs)
    const joined = isOver(job) ? [] : job.sharedWith.filter((other) => last?.sharedWith.includes(other) !== true)
    return [
      ...joined.map((other) => `${iso(now)} ${name} shared with=${other}`),
      ...warned.map((text) => `${iso(now)} ${name} warning ${quoted(text)}`),
      ...(words === null ? [] : [`${moment(job, now)} ${name} ${words}`]),
    ]
  })
  if (before === null)
    lines.unshift(...metricsCommands(after).map((text) => `${iso(now)} run ${after.run} metrics ${quoted(text)}`))
  lines.unshift(...troubleChanges(before?.troubles ?? [], after.troubles, now))
  const by = after.jobs.find((job) => job.key === after.stoppedBy)
  if (by && (before?.stoppedBy ?? null) === null)
    lines.push(`${iso(now)} run ${after.run} stopping by=${jobRef(by, after.jobs)}`)
  if (after.state !== 'running' && before?.state !== after.state) {
    lines.push(
      `${iso(after.endedAt ?? now)} run ${after.run} ${after.state} ${seconds(after.createdAt, after.endedAt ?? now)}`,
    )
  }
  return lines
}

/** What the control plane has trouble with from now on, and what no longer. */
function troubleChanges(before: Trouble[], after: Trouble[], now: number): string[] {
  const without = (some: Trouble[], others: Trouble[]) =>
    some.filter((one) => others.every(({ code }) => code !== one.code))
  return [
    ...without(after, before).map(({ what, code, since }) => `${iso(since)} trouble ${code} ${quoted(what)}`),
    ...without(before, after).map(({ code, since }) => `${iso(now)} well again ${code} after ${seconds(since, now)}`),
  ]
}

function change(before: JobView | null, job: JobView): string | null {
  const same = before !== null && before.state === job.state && tries(before) === tries(job)
  switch (job.state) {
    case 'succeeded':
      return same ? null : words('succeeded', job.cached ? 'cached' : took(job), metrics(job))
    case 'failed':
      return same
        ? null
        : words('failed', took(job), job.error === null ? '' : `${job.error.code} ${quoted(job.error.message)}`)
    case 'cancelled':
      return same ? null : 'cancelled'
    case 'running':
      return same ? null : words('running', tries(job), `pool=${job.pool}`)
    case 'exited':
      return same || job.error === null ? null : words('exited', tries(job), quoted(job.error.message))
    case 'ready':
      // Only what it waits for is news; the next state follows at once otherwise.
      return job.waits === null ||
        job.waits.reason.startsWith('about to') ||
        (same && kind(before?.waits?.reason) === kind(job.waits.reason))
        ? null
        : words('ready', `waits=${quoted(job.waits.reason)}`)
    case 'waiting':
    case 'placed':
      return null
  }
}

/** Which attempt it is; of a job in shards, each of which has attempts of its own, how many shards, and how many attempts in all. */
const tries = ({ attempts, shards }: JobView): string =>
  shards.total === 1
    ? `attempt=${attempts}`
    : `shards=${shards.total}${attempts > shards.total ? ` attempts=${attempts}` : ''}`

const words = (...parts: string[]): string => parts.filter((part) => part !== '').join(' ')
const quoted = (text: string): string => JSON.stringify(printable(text))
const iso = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}Z`

/** A reason without its figures: "in about 0:55" counting down is not a change. */
const kind = (reason: string | undefined): string | undefined => reason?.replace(/\d+/g, '#')

const moment = (job: JobView, now: number): string =>
  iso((job.state === 'succeeded' || job.state === 'failed') && !job.cached ? (job.endedAt ?? now) : now)

function took(job: JobView): string {
  return job.startedAt === null || job.endedAt === null ? '' : seconds(job.startedAt, job.endedAt)
}

function seconds(from: number, to: number): string {
  const value = Math.max(0, to - from) / 1000
  return `${value < 10 ? value.toFixed(1) : Math.round(value)}s`
}

function metrics(job: JobView): string {
  return Object.entries(job.metrics)
    .map(
      ([name, value]) =>
        `${name}=${typeof value === 'number' ? Number(value.toPrecision(3)) : `${value.k}/${value.n}`}`,
    )
    .join(' ')
}
