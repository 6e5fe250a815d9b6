import { OrchestrateError } from '../errors.ts'
import { growth, standing } from '../report/gates/grow.ts'
import { gatesSummary } from '../report/gates/sentences.ts'
import type { Until } from '../spec/gates/gate.ts'
import type { Client } from './client/client.ts'
import { awaitEnd, type Finishing, outOf, tellEnd } from './finish-run.ts'
import { enlarge } from './submit/enlarge.ts'
import type { SubmitOptions } from './submit/options.ts'
import { prepare, upload } from './submit/submit.ts'

export type Deciding = {
  client: Client
  file: string
  options: SubmitOptions & Finishing['options']
  /** From the command line; null: what the file says of each gate. */
  limit: Until | null
}

/** Runs a pipeline, and again with more seeds or trials as long as a gate is undecided and its limit leaves room. */
export async function runUntilDecided({ client, file, options, limit }: Deciding): Promise<void> {
  if (options.detach === true)
    throw new OrchestrateError('ARGUMENT_INVALID', '--until-decided waits for results, and --detach does not')
  let set = options.set ?? []
  let gates: Awaited<ReturnType<typeof awaitEnd>>['gates'] = []
  for (let look = 1; ; look++) {
    // What was done again once, as --no-cache asks, is there for the next look.
    const prepared = await prepare(file, { ...options, set, look, cache: options.cache || look > 1 })
    await upload(client, prepared)
    const finishing: Finishing = { client, view: await client.submit(prepared.submission), options, file }
    const end = await awaitEnd(finishing)
    gates = standing(gates, end.gates)
    const more = end.view.state === 'succeeded' ? growth(gates, limit) : null
    if (more === null) {
      await tellEnd(finishing, { ...end, gates })
      if (gates.length > 0) outOf(options).write(`${gatesSummary(gates)}, after look ${look}\n`)
      return
    }
    const further = enlarge(prepared.pipeline, more)
    set = [...set, ...further]
    outOf(options).write(`look ${look}: ${gatesSummary(gates)}; next with ${further.join(' ')}\n`)
  }
}
