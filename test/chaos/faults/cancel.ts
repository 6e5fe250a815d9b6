import type { RunView } from '../../../orchestrator/server/api.ts'
import { ended } from '../../support/until.ts'
import { type Fault, now, pick, type Strike } from '../fault.ts'

export const cancelled: Fault = {
  about: 'a run: cancelled, and resumed as soon as it has stopped',
  strike: async (strike) => {
    const { world, workload, dice, signal } = strike
    const runs = await world.ask((client) => client.runs(), signal)
    const met = pick(
      runs.filter((view) => view.state === 'running' && workload.runs.includes(view.run) && view.jobs.length > 1),
      dice,
    )
    if (!met) return null
    const resumed = Promise.withResolvers<void>()
    world.cancelled.set(met.run, resumed.promise)
    await world.ask((client) => client.cancel(met.run, dice() < 0.5 ? 'save' : 'now'), signal)
    const { state } = await endOf(strike, met.run)
    const at = now()
    if (state === 'cancelled') await world.ask((client) => client.resume(met.run), signal)
    resumed.resolve()
    if (state !== 'cancelled') return null // it was quicker
    const keys = new Set(met.jobs.map((job) => job.key))
    const step = world.book.first((line) => keys.has(line.job) && line.t > at && line.kind === 'step', signal)
    // There may have been nothing left to be trained.
    const end = endOf(strike, met.run).then(() => null)
    return { at, recovered: Promise.race([step.then((line) => line.t), end]) }
  },
}

async function endOf({ world, signal }: Strike, run: string): Promise<RunView> {
  for (;;) {
    const view = await world.ask(async (client) => {
      for await (const one of client.updates(run, signal)) if (ended(one)) return one
      return client.run(run)
    }, signal)
    if (ended(view)) return view
  }
}
