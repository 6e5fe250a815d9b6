import { arch, cpus, hostname, release, type as system } from 'node:os'
import type { JobFile } from '../../protocol/job-file.ts'
import type { Certificate } from '../../report/certificate/certificate.ts'
import { compareResumes, compareTwins } from '../../report/certificate/compare-twins.ts'
import { buildId, version } from '../../server/build-id.ts'
import { gatherEvidence } from './gather-evidence.ts'
import type { Bench } from './run-attempt.ts'
import { lastStep } from './run-killed.ts'
import { type How, runResumed, runWhole } from './run-twins.ts'
import { applicable } from './twin-job.ts'

/** A job of which an attempt is still on this machine, with its code and inputs. */
export type Subject = {
  /** As the attempt was told. */
  job: JobFile
  cells: string[]
  /** Digest of its code. */
  code: string
  /** How long the attempt took, in seconds. */
  seconds: number
}

/** Runs a job twice, once undisturbed and once killed and resumed, and compares everything that they left. */
export async function certifyJob(bench: Bench, { job, cells, code }: Subject, how: How): Promise<Certificate> {
  const began = performance.now()
  const whole = await runWhole(bench, job, how)
  const [first] = whole.attempts
  const resumed = await runResumed(bench, job, how, first)
  bench.tell.phase('comparing')
  const { compared, notCompared } = compareTwins(await gatherEvidence(whole), await gatherEvidence(resumed))
  compared.push(compareResumes(resumed.resumes))
  const hello = first.events.find((event) => event.type === 'hello')
  const progress = first.events.find((event) => event.type === 'progress')
  return {
    verdict: compared.every(({ difference }) => difference === null) ? 'same' : 'different',
    job: job.job,
    stage: job.stage,
    entry: job.entry,
    cells,
    shard: job.shard,
    shards: job.shards,
    ranks: first.job.ranks,
    device: hello?.device ?? null,
    code,
    config: first.job.config,
    with: applicable(job, how.changes),
    seed: how.seed,
    steps: lastStep(first),
    unit: progress?.unit ?? 'steps',
    kills: resumed.kills,
    compared,
    notCompared,
    warnings: resumed.attempts.flatMap(({ events }) =>
      events.flatMap((event) => (event.type === 'warning' ? [event.message] : [])),
    ),
    versions: hello?.versions ?? {},
    product: { version, build: buildId() },
    machine: {
      host: hostname(),
      system: `${system()} ${release()} ${arch()}`,
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
    },
    at: Date.now(),
    seconds: (performance.now() - began) / 1000,
  }
}
