import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { OrchestrateError } from '../../errors.ts'
import type { JobFile } from '../../protocol/job-file.ts'
import type { Kill } from '../../report/certificate/certificate.ts'
import type { Resumed } from '../../report/certificate/compare-twins.ts'
import { listCheckpoints, resumeOrder } from '../../store/checkpoints.ts'
import { claimFence } from '../../store/fences.ts'
import { placeOf } from '../../store/lineage.ts'
import { openStore } from '../../store/open-store.ts'
import type { Store } from '../../store/store.ts'
import { lastWords } from '../debug/read-attempt.ts'
import type { Twin } from './gather-evidence.ts'
import { type PlannedKill, planKills, type Reported } from './kill-plan.ts'
import { type Bench, type Ended, endedWell, runAttempt } from './run-attempt.ts'
import { lastStep, runKilled } from './run-killed.ts'
import { type Changes, twinJob } from './twin-job.ts'

export type How = { changes: Changes; seed: number; kills: number }
export type KilledTwin = Twin & { kills: Kill[]; resumes: Resumed[] }

const TRIES = 4

/** The twin that nobody stops. Throws CERTIFY_FAILED when it doesn't get to its end. */
export async function runWhole(bench: Bench, job: JobFile, { changes }: How): Promise<Twin> {
  bench.tell.phase('without a stop')
  const store = await makeStore(bench, 'whole')
  const name = `${job.attempt}-whole-1`
  const told = twinJob(job, changes, { name, store: store.url, fence: 1, resume: [], every: null })
  await claim(store, told)
  const ended = await runAttempt(bench, told)
  if (!endedWell(ended)) throw await failed(ended, 'the twin that nobody stops')
  return { store, attempts: [ended] }
}

/** The twin that is killed and resumed. It is begun again when it was over before it could be killed. */
export async function runResumed(bench: Bench, job: JobFile, how: How, whole: Ended): Promise<KilledTwin> {
  const reported = whole.events.flatMap((event): Reported[] =>
    event.type === 'progress' ? [{ step: event.step, at: event.t }] : [],
  )
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const plan = planKills(reported, { seed: how.seed, kills: how.kills, ranks: whole.job.ranks, attempt })
    if (plan === null) break
    const name = attempt === 0 ? 'killed' : `killed${attempt}`
    const found = await tryToKill(bench, job, { ...how, plan, name, last: lastStep(whole) })
    if (found !== null) return found
    bench.tell.phase('it was over before it could be killed: once more, earlier')
  }
  const [steps, took] = [reported.at(-1)?.step ?? 0, (reported.at(-1)?.at ?? 0) - (reported[0]?.at ?? 0)]
  throw new OrchestrateError(
    'CERTIFY_TOO_SHORT',
    `${job.stage} could not be killed between its first checkpoint and its end: it reports ${reported.length} times in ${steps} steps, within ${(took / 1000).toFixed(1)} s, or never saves`,
  )
}

type Trial = How & { plan: { every: number; kills: PlannedKill[] }; name: string; last: number }

/** Null when it was over before it could be killed, or had nothing left to do but to end: then it resumes no step. */
async function tryToKill(bench: Bench, job: JobFile, trial: Trial): Promise<KilledTwin | null> {
  const { plan, changes } = trial
  const store = await makeStore(bench, trial.name)
  const [attempts, kills, resumes]: [Ended[], Kill[], Resumed[]] = [[], [], []]
  const told = async (): Promise<JobFile> => {
    const fence = attempts.length + 1
    const resume = await resumeOrder(store, job.job, job.shard)
    const name = `${job.attempt}-${trial.name}-${fence}`
    const next = twinJob(job, changes, { name, store: store.url, fence, resume, every: plan.every })
    await claim(store, next)
    return next
  }
  for (const planned of plan.kills) {
    bench.tell.phase(`to be killed at step ${planned.step}`)
    const ended = await runKilled(bench, await told(), planned)
    if (endedWell(ended)) {
      await rm(ended.directory, { recursive: true })
      return null
    }
    if (!('rank' in ended)) throw await failed(ended, 'the attempt that was to be killed')
    const [manifest = ''] = await resumeOrder(store, job.job, job.shard)
    const { rank, reached } = ended
    const resumedFrom = placeOf(manifest)?.step ?? 0
    if (resumedFrom >= trial.last) return null
    attempts.push(ended)
    kills.push({ attempt: ended.job.attempt, step: planned.step, reached, rank, resumedFrom, manifest })
  }
  bench.tell.phase(`killed, resumed from step ${kills.at(-1)?.resumedFrom ?? 0}`)
  const last = await runAttempt(bench, await told())
  if (!endedWell(last)) throw await failed(last, 'the attempt that resumed')
  const all: Twin['attempts'] = [attempts[0] ?? last, ...attempts.slice(1), last]
  for (const [index, { manifest, resumedFrom }] of kills.entries()) {
    const next = all[index + 1]
    if (next) resumes.push(await resumeOf(store, next, { told: manifest, step: resumedFrom }))
  }
  return { store, attempts: all, kills, resumes }
}

async function resumeOf(store: Store, { job, events }: Ended, of: { told: string; step: number }): Promise<Resumed> {
  const own = (await listCheckpoints(store, job.job, job.shard)).find(({ manifest }) => manifest.fence === job.fence)
  const first = events.find((event) => event.type === 'progress')
  return { ...of, parent: own?.manifest.parent ?? null, firstStep: first?.step ?? null }
}

async function makeStore(bench: Bench, name: string): Promise<Store> {
  const store = await openStore({ url: pathToFileURL(join(bench.scratch, `store-${name}`)).href })
  await store.probe()
  return store
}

async function claim(store: Store, { job, shard, fence, attempt, resume }: JobFile): Promise<void> {
  const body = { attempt, nonce: randomUUID(), host: hostname(), parent: resume[0] ?? null, at: Date.now() }
  await claimFence(store, job, shard, fence, body)
}

async function failed({ job, directory, exit }: Ended, who: string): Promise<OrchestrateError> {
  const bad = exit?.ranks.find(({ rank }) => rank === exit.firstBad)
  const how = exit?.message ?? (bad === undefined ? 'was killed' : `ended with ${bad.signal ?? `code ${bad.code}`}`)
  const words = await lastWords(directory)
  return new OrchestrateError('CERTIFY_FAILED', `${job.stage}: ${who} ${how}${words === null ? '' : `: ${words}`}`)
}
