import fc from 'fast-check'
import type { Job, Shard } from '../../../orchestrator/run/job.ts'
import { planned } from '../run/fixtures.ts'

const shard: fc.Arbitrary<Shard> = fc.oneof(
  fc.record({ state: fc.constant('idle' as const), notBefore: fc.nat(3), fence: fc.nat(3) }),
  fc.record({ state: fc.constant('running' as const), fence: fc.nat(3) }),
  fc.record({ state: fc.constant('committed' as const), fence: fc.nat(3) }),
)

const wants = fc
  .array(fc.tuple(fc.constantFrom('r-1', 'r-2'), fc.nat(2)), { maxLength: 2 })
  .map((all) => new Map(all.map(([run, priority]) => [run, { epoch: 0, cells: [], priority, at: 0 }])))

/** A job in any state that its place among others may depend on; few values, so that many are alike. */
export const anyJob: fc.Arbitrary<Job> = fc.record({
  key: fc.constant('job'),
  planned: fc.constantFrom(planned(), planned({ pool: 'other' })),
  version: fc.constant(3),
  phase: fc.constantFrom('waiting', 'open', 'succeeded', 'failed', 'cancelled'),
  wants,
  unwantedMode: fc.constant('save'),
  shards: fc.array(shard, { minLength: 1, maxLength: 2 }),
  attempts: fc.constant([]),
  crashes: fc.constant(0),
  error: fc.constant(null),
  metrics: fc.constant({}),
  summary: fc.constant(null),
  seconds: fc.constant(0),
  definedAt: fc.nat(2),
  readyAt: fc.option(fc.nat(2)),
  endedAt: fc.constant(null),
})
