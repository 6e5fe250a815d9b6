import type { Client } from '../../../orchestrator/cli/client/client.ts'
import { sendSignal } from '../../../orchestrator/engines/local/processes.ts'
import { submitFile, writePipeline } from '../../support/pipelines.ts'
import { until } from '../../support/until.ts'
import { now } from '../by-hand.ts'
import { Arm } from '../overhead/arm.ts'

/** Milliseconds from the signal until the ledger had the end of the attempt, and until the next one did its first step. */
export type Replaced = { detected: number; again: number }

const STEP_MS = 50
const BEFORE = 20

/** Starts a job, gives its rank a signal in the middle of its steps, and waits for the attempt after it. */
export async function replace(
  client: Client,
  name: string,
  signal: 'SIGKILL' | 'SIGSTOP',
  retry: string,
): Promise<Replaced> {
  const stage = `entry: count, with: { steps: 100000, delay_ms: ${STEP_MS}, fail_at: 99999 }${retry}`
  const { run } = await submitFile(client, await writePipeline(`  ${name}: { ${stage} }`), { cache: false })
  await until(client, run, (view) => (view.jobs[0]?.progress?.step ?? 0) >= BEFORE)
  const before = (await client.job(name, run)).attemptList[0]
  if (!before) throw new Error(`${name} has no attempt`)
  const [pid] = new Arm(before.directory, 1, []).pids()
  if (!pid) throw new Error(`${name} has no process`)
  const from = now()
  sendSignal(pid, signal)
  await until(client, run, (view) => (view.jobs[0]?.attempts ?? 0) > 1 && view.jobs[0]?.state === 'running')
  const [first, second] = (await client.job(name, run)).attemptList
  const [step] = await new Arm(second?.directory ?? '', 1, []).until((points) => points.length > 0)
  await client.cancel(run, 'now')
  return { detected: (first?.endedAt ?? Number.NaN) - from, again: (step?.t ?? Number.NaN) - from }
}
