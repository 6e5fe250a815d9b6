import { expect, test } from 'vitest'
import { type Facts, judge } from '../../../orchestrator/server/gc/judge.ts'
import type { JobNeeds, Standing } from '../../../orchestrator/server/gc/needs.ts'
import { layout } from '../../../orchestrator/store/layout.ts'
import { type Garbage, type Mark, nameOf, type Subject } from '../../../orchestrator/store/marks.ts'
import type { FoundAttempt, FoundCheckpoint, Survey } from '../../../orchestrator/store/survey.ts'

const job = 'k'.repeat(64)
const MINUTE = 60_000
const DAY = 1440 * MINUTE
const now = 1000 * DAY
const ages = { leftovers: 10 * MINUTE, artifacts: 30 * DAY, logs: 90 * DAY }
const amount = (age: number) => ({ objects: 2, bytes: 10, newest: now - age })

/** `100` is committed, `100~` has no manifest, `100!` is broken; each is an hour old, `100'` a minute. */
function checkpoint(fence: number, text: string): FoundCheckpoint {
  const step = Number.parseInt(text, 10)
  const key = layout.manifest(job, 0, fence, step)
  const manifest = {
    protocol: 1 as const,
    job,
    shard: 0,
    fence,
    step,
    parent: null,
    world: 1,
    files: [],
    cursor: null,
    metrics: {},
    versions: {},
    createdAt: 0,
  }
  return {
    step,
    key,
    manifest: text.includes('~') ? null : manifest,
    verdict: text.includes('!') ? { at: 0, problems: ['x'] } : null,
    ...amount(text.includes("'") ? MINUTE : 60 * MINUTE),
  }
}

const attempt = (fence: number, checkpoints = '', more: Partial<FoundAttempt> = {}): FoundAttempt => ({
  shard: 0,
  fence,
  checkpoints: checkpoints
    .split(' ')
    .filter(Boolean)
    .map((text) => checkpoint(fence, text)),
  outputs: null,
  logs: null,
  ...more,
})

/** Each attempt was told to resume from the newest checkpoint before it. */
function store(attempts: FoundAttempt[], artifact: Survey['artifact'] = null): Survey {
  let told: string | null = null
  const claims = attempts.map(({ shard, fence, checkpoints }) => {
    const claim = { shard, fence, told }
    told = checkpoints.findLast(({ manifest }) => manifest !== null)?.key ?? told
    return claim
  })
  return { job, artifact, claims, attempts }
}

const needs = (standings: Standing[], more: Partial<JobNeeds> = {}): JobNeeds => ({
  keep: { last: 2, every: null, best: null },
  wanted: true,
  usedAt: 0,
  stage: 'train',
  attempts: standings.map((standing, i) => ({ shard: 0, fence: i + 1, standing, resume: [] })),
  ...more,
})

const resuming = { shard: 0, fence: 2, standing: 'live' as const, resume: [layout.manifest(job, 0, 1, 100)] }

const short = ({ subject, why }: Garbage): string => `${nameOf(subject)}: ${why}`
const found = (survey: Survey, given: Partial<Facts>): string[] =>
  judge(survey, { needs: null, pinned: false, marks: [], now, ages, ...given }).map(short)

const markOf = (subject: Subject): Mark => ({ subject, why: 'marked', objects: 1, bytes: 1, markedAt: 0 })
const artifactMark = (upTo: number[]) => markOf({ kind: 'artifact', job, upTo })
const old = { ...amount(40 * DAY), fences: [1] }
const whole = { outputs: { ...amount(60 * MINUTE), listed: true } }
const unfinished = { outputs: { ...amount(60 * MINUTE), listed: false } }

test.each<[name: string, survey: Survey, facts: Partial<Facts>, expected: string[]]>([
  [
    'a running attempt keeps its last two',
    store([attempt(1, '100 200 300 400')]),
    { needs: needs(['live']) },
    ['s0.1.checkpoint.100: beyond last 2', 's0.1.checkpoint.200: beyond last 2'],
  ],
  [
    'what a running attempt has not finished is its own',
    store([attempt(1, '100 200~')]),
    { needs: needs(['live']) },
    [],
  ],
  [
    'what an attempt that ended has not finished goes',
    store([attempt(1, '100 200~')]),
    { needs: needs(['ended']) },
    ['s0.1.checkpoint.200: never finished'],
  ],
  ['but not while it is fresh', store([attempt(1, "100 200~'")]), { needs: needs(['ended']) }, []],
  [
    'nor where the host is lost and nobody has its place',
    store([attempt(1, '100 200~')]),
    { needs: needs(['lost']) },
    [],
  ],
  [
    'once another has the place, it goes',
    store([attempt(1, '100 200~'), attempt(2)]),
    { needs: needs(['lost', 'live']) },
    ['s0.1.checkpoint.200: never finished'],
  ],
  [
    'the new attempt has one: what it came from stays behind it',
    store([attempt(1, '100 200'), attempt(2, '300')]),
    { needs: needs(['ended', 'live']) },
    ['s0.1.checkpoint.100: beyond last 2'],
  ],
  [
    'what an attempt was told to resume from stays',
    store([attempt(1, '100 200 300 400'), attempt(2)]),
    { needs: needs([], { attempts: [resuming] }) },
    ['s0.1.checkpoint.200: beyond last 2'],
  ],
  [
    'until it has saved something itself',
    store([attempt(1, '100 200 300'), attempt(2, '400')]),
    { needs: needs([], { attempts: [resuming] }) },
    ['s0.1.checkpoint.100: beyond last 2', 's0.1.checkpoint.200: beyond last 2'],
  ],
  [
    'what a replaced attempt saved late goes',
    { ...store([attempt(1, '100'), attempt(2, '200')]), attempts: [attempt(1, '100 900'), attempt(2, '200')] },
    { needs: needs(['ended', 'live']) },
    ['s0.1.checkpoint.900: saved by a replaced attempt'],
  ],
  [
    'broken ones do not stand behind a good one',
    store([attempt(1, '100 200! 300')]),
    { needs: needs(['live']) },
    ['s0.1.checkpoint.200: broken'],
  ],
  ['of a job that nobody knows, no checkpoint goes', store([attempt(1, '100 200 300 400')]), {}, []],
  [
    'outputs that were never listed go, once their attempt has ended',
    store([attempt(1, '', unfinished), attempt(2, '', unfinished), attempt(3, '', unfinished)]),
    { needs: needs(['ended', 'taken', 'live']) },
    ['s0.1.outputs: never finished'],
  ],
  ['whole outputs wait for those of other shards', store([attempt(1, '', whole)]), { needs: needs(['taken']) }, []],
  [
    'whole outputs that are not in the artifact go',
    store([attempt(1, '', whole), attempt(2, '', whole)], { ...amount(DAY), fences: [2] }),
    { needs: needs(['ended', 'taken'], { wanted: false }) },
    ['s0.1.outputs: of a replaced attempt'],
  ],
  [
    'an old artifact that nobody needs goes as a whole',
    store([attempt(1, '100 200 300', whole)], old),
    { needs: needs(['taken'], { wanted: false }) },
    ['artifact: no run needs it'],
  ],
  ['also of a job that nobody knows', store([attempt(1, '100', whole)], old), {}, ['artifact: no run needs it']],
  ['not while it is pinned', store([attempt(1, '100', whole)], old), { pinned: true }, []],
  ['not while a run wants it', store([attempt(1, '', whole)], old), { needs: needs(['taken']) }, []],
  [
    'not when a run had it lately',
    store([attempt(1, '', whole)], old),
    { needs: needs(['taken'], { wanted: false, usedAt: now - DAY }) },
    [],
  ],
  ['not while it is young', store([attempt(1, '', whole)], { ...old, newest: now - DAY }), {}, []],
  [
    'an artifact whose pointer is gone goes on going, whoever pins it',
    store([attempt(1, '100', whole)]),
    { needs: needs(['taken']), pinned: true, marks: [artifactMark([1])] },
    ['artifact: marked'],
  ],
  [
    'and what was made anew since then stays',
    store([attempt(1, '100', whole), attempt(2, '100 200', whole)], { ...old, fences: [2], newest: now }),
    { needs: needs(['ended', 'taken']), marks: [artifactMark([1])] },
    ['artifact: marked'],
  ],
  [
    'a checkpoint whose manifest is gone goes on going, also of a running attempt',
    store([attempt(1, '100~ 200 300')]),
    {
      needs: needs(['live']),
      marks: [markOf({ kind: 'checkpoint', job, shard: 0, fence: 1, step: 100, committed: true })],
    },
    ['s0.1.checkpoint.100: marked'],
  ],
  [
    'logs go when they are old, of any attempt but a running one',
    store([attempt(1, '', { logs: amount(91 * DAY) }), attempt(2, '', { logs: amount(91 * DAY) })]),
    { needs: needs(['ended', 'live']) },
    ['s0.1.logs: old'],
  ],
  ['and stay until then', store([attempt(1, '', { logs: amount(89 * DAY) })]), { needs: needs(['ended']) }, []],
])('%s', (_name, survey, facts, expected) => {
  expect(found(survey, facts)).toEqual(expected)
})

test('an artifact counts what goes with it, and names the fences that it means', () => {
  const [garbage] = judge(store([attempt(1, '100 200', whole), attempt(3)], old), {
    needs: null,
    pinned: false,
    marks: [],
    now,
    ages,
  })
  expect(garbage).toMatchObject({ subject: { kind: 'artifact', upTo: [3] }, objects: 8, bytes: 40 })
})
