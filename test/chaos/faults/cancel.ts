import type { RunView } from '../../../orchestrator/server/api.ts'
import { ended } from '../../support/until.ts'
import { type Fault, now, pick } from '../fault.ts'

export const cancelled: Fault = {
  about: 'a run: cancelled, and resumed as soon as it has stopped',
  strike: async ({ world, workload, dice, signal }) => {
    const runs = await world.ask((client) => client.runs(), signal)
    const met = pick(
      runs.filter((view) => view.state === 'running' && workload.runs.includes(view.run) && view.jobs.length > 1),
      dice,
    )
    if (!met) return null
    const resumed = Promise.withResolvers<void>()
    world.cancelled.set(met.run, resumed.promise)
    await world.ask((client) => client.cancel(met.run, dice() < 0.5 ? 'save' : 'now'), signal)
    let view: RunView = met
    while (!ended(view))
      view = await world.ask(async (client) => {
        for await (const one of client.updates(met.run, signal)) if (ended(one)) return one
        return client.run(met.run)
      }, signal)
    const at = now()
    if (view.state === 'cancelled') await world.ask((client) => client.resume(met.run), signal)
    resumed.resolve()
    if (view.state !== 'cancelled') return null // it was quicker
    const keys = new Set(met.jobs.map((job) => job.key))
    const first = world.book.first(
      (line) => keys.has(line.job) && line.t > at && (line.kind === 'step' || line.kind === 'end'),
      signal,
    )
    return { at, recovered: first.then((line) => line.t) }
  },
}
