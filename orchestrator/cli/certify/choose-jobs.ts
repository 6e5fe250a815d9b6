import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OrchestrateError } from '../../errors.ts'
import { foldersOf, JobFile } from '../../protocol/job-file.ts'
import type { AttemptView, JobDetail } from '../../server/api.ts'
import type { Client } from '../client/client.ts'
import { jobName, refFromWords } from '../view/job-name.ts'
import type { Subject } from './certify-job.ts'
import { drawFrom } from './draw.ts'
import { readEvents } from './follow-events.ts'

export type Choice = {
  run: string
  subjects: Subject[]
  /** What of a run isn't certified, and why. */
  leftOut: { name: string; why: string }[]
}

/** What was meant: of a run each stage that saves its progress, or one job. Throws CERTIFY_NOTHING when nothing can be. */
export async function chooseJobs(client: Client, words: string[], run: string | undefined, seed: number) {
  const asRun = words.length === 1 && run === undefined ? await findRun(client, words[0] ?? '') : null
  const choice = asRun === null ? await oneJob(client, words, run, seed) : await ofRun(client, asRun, seed)
  if (choice.subjects.length > 0) return choice
  const reasons = choice.leftOut.map(({ name, why }) => `${name}: ${why}`).join('; ')
  throw new OrchestrateError('CERTIFY_NOTHING', `nothing of ${choice.run} can be certified: ${reasons}`)
}

/** Null when it is no run: then it is a job. */
async function findRun(client: Client, ref: string): Promise<string | null> {
  if (ref !== 'latest' && !/^r-/.test(ref)) return null
  const view = await client.run(ref)
  return view.run
}

async function oneJob(client: Client, words: string[], run: string | undefined, seed: number): Promise<Choice> {
  const detail = await client.job(refFromWords(words), run)
  const of = run === undefined ? await newestOf(client, detail.runs) : (await client.run(run)).run
  const found = await subjectOf(detail, seed)
  if (typeof found !== 'string') return { run: of, subjects: [found], leftOut: [] }
  return { run: of, subjects: [], leftOut: [{ name: words.join(' '), why: found }] }
}

async function newestOf(client: Client, runs: string[]): Promise<string> {
  const views = await Promise.all(runs.map((one) => client.run(one)))
  return views.sort((a, b) => b.createdAt - a.createdAt)[0]?.run ?? ''
}

/** One job of a stage is enough: another cell runs the same code, and can be named. */
async function ofRun(client: Client, run: string, seed: number): Promise<Choice> {
  const { jobs } = await client.run(run)
  const choice: Choice = { run, subjects: [], leftOut: [] }
  for (const job of jobs) {
    const leaveOut = (why: string) => choice.leftOut.push({ name: jobName(job, jobs), why })
    if (choice.subjects.some(({ job: { stage } }) => stage === job.stage)) {
      leaveOut('one cell of a stage is enough; name it to certify it too')
      continue
    }
    const found = await subjectOf(await client.job(job.key, run), seed)
    if (typeof found === 'string') leaveOut(found)
    else if (await hasSaved(found.directory)) choice.subjects.push(found)
    else leaveOut('it saved nothing while it ran; name it to certify it all the same')
  }
  return choice
}

type Found = Subject & { directory: string }

/** An attempt that could be started again now; of several shards, one that the seed draws. Or why there is none. */
async function subjectOf(detail: JobDetail, seed: number): Promise<Found | string> {
  const usable: Found[] = []
  const problems: string[] = []
  for (const attempt of detail.attemptList.toReversed()) {
    if (usable.some(({ job }) => job.shard === attempt.shard)) continue
    const found = await usableAttempt(detail, attempt)
    if (typeof found === 'string') problems.push(found)
    else usable.push(found)
  }
  const [first, ...rest] = usable.sort((a, b) => a.job.shard - b.job.shard)
  if (first === undefined) return problems[0] ?? 'no attempt of it was made here: its result was there before'
  return drawFrom([first, ...rest], seed, 'shard')
}

async function usableAttempt(detail: JobDetail, { directory, attempt, ...view }: AttemptView): Promise<Found | string> {
  const text = await readFile(join(directory, 'job.json'), 'utf8').catch(() => null)
  if (text === null) return `${attempt} left no job.json on this machine`
  const job = JobFile.safeParse(parse(text)).data
  if (job === undefined) return `the job.json of ${attempt} is of another version`
  const missing = foldersOf(job).filter((path) => !existsSync(path))
  if (missing.length > 0) return `what ${attempt} ran from is no longer here: ${missing.join(', ')}`
  const seconds = ((view.endedAt ?? Date.now()) - (view.startedAt ?? view.placedAt)) / 1000
  const { code } = detail.parts
  return { job, cells: detail.cells, code: typeof code === 'string' ? code : '', seconds, directory }
}

const hasSaved = async (directory: string): Promise<boolean> =>
  (await readEvents(directory, 0)).some((event) => event.type === 'checkpoint')

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
