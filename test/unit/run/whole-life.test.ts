import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decideJob, type JobCommand } from '../../../orchestrator/run/decide-job.ts'
import { applyToJob } from '../../../orchestrator/run/fold-job.ts'
import { isActive, isOver, isWanted, type Job } from '../../../orchestrator/run/job.ts'
import type { JobEvent, Outcome } from '../../../orchestrator/run/job-events.ts'
import { crash, jobAfter, type Timeless } from './fixtures.ts'

/*
 * A world that carries commands out, loses some, repeats some, and lets attempts end as they like. Whatever happens in
 * it, what decide and fold promise must hold.
 */
const outcomes: Outcome[] = [
  { kind: 'done' },
  { kind: 'done' },
  { kind: 'preempted' },
  { kind: 'nodeLost' },
  { kind: 'blocked', error: { code: 'DISK_FULL', message: 'full', hint: null } },
  crash,
  { kind: 'misused', error: { code: 'DATA', message: 'bad', hint: null } },
]

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('look' as const), lose: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('exit' as const), which: fc.nat(9), outcome: fc.constantFrom(...outcomes) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('want' as const), run: fc.constantFrom('r-1', 'r-2') }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('unwant' as const),
      run: fc.constantFrom('r-1', 'r-2'),
      mode: fc.constantFrom('save' as const, 'now' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('late' as const),
      fence: fc.integer({ min: 1, max: 3 }),
      outcome: fc.constantFrom(...outcomes),
    }),
  },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

class World {
  job: Job
  now = 1_000_000
  readonly fences: number[]

  constructor(shards: number) {
    this.job = jobAfter([], { shards })
    this.fences = Array.from({ length: shards }, () => 0)
  }

  append(event: Timeless): void {
    this.job = applyToJob(this.job, { ...event, at: this.now } as JobEvent) ?? this.job
  }

  look(lose: boolean): void {
    this.now += 10_000
    const commands = decideJob(this.job, [], this.now)
    for (const command of commands) {
      if (!lose) this.carryOut(command)
      if (isOver(this.job)) break
    }
  }

  carryOut(command: JobCommand): void {
    switch (command.kind) {
      case 'makeReady':
        return this.append({ type: 'job.ready' })
      case 'place': {
        const fence = (this.fences[command.shard] ?? 0) + 1
        this.fences[command.shard] = fence
        const attempt = `a-${command.shard}-${fence}`
        return this.append({
          type: 'attempt.placed',
          shard: command.shard,
          fence,
          attempt,
          host: 'h',
          cores: 1,
          gpus: [],
          resume: [],
        })
      }
      case 'launch':
        return this.append({ type: 'attempt.started', shard: command.shard, fence: command.fence })
      case 'revoke':
        return this.append({ type: 'attempt.revoked', shard: command.shard, fence: command.fence })
      case 'terminate':
        this.append({ type: 'attempt.stopping', shard: command.shard, fence: command.fence, reason: command.reason })
        return this.append({
          type: 'attempt.exited',
          shard: command.shard,
          fence: command.fence,
          outcome: { kind: 'stopped' },
          step: null,
          reached: null,
        })
      case 'collect':
        return this.append({ type: 'shard.committed', shard: command.shard, fence: command.fence })
      case 'retry':
        return this.append({ type: 'shard.retried', shard: command.shard, notBefore: command.notBefore })
      case 'publish':
        return this.append({ type: 'job.succeeded', found: false, metrics: {}, summary: null, seconds: 1 })
      case 'fail':
        return this.append({ type: 'job.failed', error: command.error })
      case 'cancel':
        return this.append({ type: 'job.cancelled' })
      default:
        return
    }
  }

  take(one: Step): void {
    switch (one.do) {
      case 'look':
        return this.look(one.lose)
      case 'exit': {
        const running = this.job.shards.flatMap((shard, index) =>
          shard.state === 'running' ? [{ index, fence: shard.fence }] : [],
        )
        const hit = running[one.which % Math.max(1, running.length)]
        if (hit)
          this.append({
            type: 'attempt.exited',
            shard: hit.index,
            fence: hit.fence,
            outcome: one.outcome,
            step: null,
            reached: null,
          })
        return
      }
      case 'want':
        return this.append({ type: 'job.wanted', run: one.run, epoch: this.now, cells: ['a'], priority: 0 })
      case 'unwant':
        return this.append({ type: 'job.unwanted', run: one.run, mode: one.mode })
      case 'late': // an attempt that was replaced says something after all
        if (one.fence < (this.job.shards[0]?.fence ?? 0))
          this.append({ type: 'attempt.exited', shard: 0, fence: one.fence, outcome: one.outcome, step: 1, reached: 1 })
        return
      default:
        return one satisfies never
    }
  }
}

test('whatever happens, fences only grow, a job that is over has nothing running, and committed shards stay', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 120 }), (shards, steps) => {
      const world = new World(shards)
      for (const one of steps) {
        const before = world.job
        world.take(one)
        const { job } = world
        job.shards.forEach((shard, index) => {
          expect(shard.fence).toBeGreaterThanOrEqual(before.shards[index]?.fence ?? 0)
          if (before.shards[index]?.state === 'committed') expect(shard.state).toBe('committed')
        })
        if (isOver(job)) expect(job.shards.some(isActive)).toBe(false)
        if (job.phase === 'succeeded') expect(job.shards.every((shard) => shard.state === 'committed')).toBe(true)
        expect(new Set(job.attempts.map((attempt) => attempt.attempt)).size).toBe(job.attempts.length)
      }
    }),
    { numRuns: 300 },
  )
})

test('left alone with a want and attempts that end well, every job comes to its end', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 60 }), (shards, steps) => {
      const world = new World(shards)
      for (const one of steps) world.take(one)
      world.take({ do: 'want', run: 'r-1' })
      for (let i = 0; i < 40 && !isOver(world.job); i++) {
        world.look(false)
        world.now += 600_000
        world.take({ do: 'exit', which: i, outcome: { kind: 'done' } })
      }
      expect(isWanted(world.job)).toBe(true)
      expect(['succeeded', 'failed']).toContain(world.job.phase)
    }),
    { numRuns: 300 },
  )
})
