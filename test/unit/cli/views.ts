import type { JobView, Progress, RunView } from '../../../orchestrator/server/api.ts'

/** 2026-11-22T21:04:00Z */
export const start = Date.UTC(2026, 10, 22, 21, 4, 0)

export function job(stage: string, given: Partial<JobView> = {}): JobView {
  return {
    key: `${stage}-${(given.cells ?? ['all']).join('-')}`.padEnd(64, '0'),
    stage,
    cells: ['full', 'no-depth-expert'],
    pool: 'local',
    needs: [],
    state: 'waiting',
    cached: false,
    attempts: 0,
    shards: { total: 1, done: 0, running: 0 },
    progress: null,
    waits: null,
    error: null,
    warnings: [],
    metrics: {},
    summary: null,
    startedAt: null,
    endedAt: null,
    sharedWith: [],
    ...given,
  }
}

export function run(jobs: JobView[], given: Partial<RunView> = {}): RunView {
  return {
    run: 'r-7k2pq',
    pipeline: 'quickstart',
    state: 'running',
    owner: 'ana',
    labels: {},
    commit: null,
    stoppedBy: null,
    supersededBy: null,
    dirty: false,
    secrets: [],
    createdAt: start,
    endedAt: null,
    cells: ['full', 'no-depth-expert'].map((cell) => ({ cell, state: 'running' as const, metrics: {}, stages: {} })),
    jobs,
    pools: [
      {
        name: 'local',
        engine: 'local',
        room: [
          { of: 'core', all: 2, free: 0 },
          { of: 'GPU', all: 0, free: 0 },
        ],
      },
    ],
    troubles: [],
    metrics: null,
    goodput: {
      share: null,
      training: 0,
      saving: 0,
      starting: 0,
      queueing: 0,
      restarting: 0,
      lost: 0,
      stepsComputed: 0,
      stepsLost: 0,
    },
    report: null,
    certified: null,
    ...given,
  }
}

export const progress = (given: Partial<Progress> = {}): Progress => ({
  step: 412,
  of: 600,
  unit: 'steps',
  rate: 3.4,
  eta: 55,
  loss: 0.412,
  curve: [1, 0.8, 0.7, 0.6, 0.5, 0.45, 0.42, 0.41],
  savedAt: 400,
  ...given,
})

const seconds = (from: number, to: number) => ({ startedAt: start + from * 1000, endedAt: start + to * 1000 })

/** The run of the quickstart in the middle of its training. */
export function midTraining(): RunView {
  const full = { cells: ['full'] }
  return run([
    job('demos', { state: 'succeeded', cached: true, summary: '80 episodes, 3,485 frames' }),
    job('scenes', { state: 'succeeded', cached: true, cells: ['full'], summary: '1,650 frames' }),
    job('depth-pretrain', {
      ...full,
      state: 'succeeded',
      attempts: 1,
      ...seconds(0, 62),
      metrics: { 'depth.absrel.random_camera': 0.2412 },
    }),
    job('pseudo-depth', {
      ...full,
      state: 'running',
      attempts: 2,
      startedAt: start + 62_000,
      shards: { total: 2, done: 1, running: 1 },
      progress: progress({
        step: 20,
        of: 80,
        unit: 'episodes',
        loss: null,
        curve: [],
        savedAt: null,
        rate: 2,
        eta: 30,
      }),
    }),
    job('train', { ...full, state: 'running', attempts: 1, startedAt: start + 62_000, progress: progress() }),
    job('train', {
      cells: ['no-depth-expert'],
      state: 'ready',
      waits: { reason: 'needs 2 cores, 0 free; next after `train full`', since: start, until: null },
    }),
    job('evaluate', { cells: ['full'], needs: ['train-full'.padEnd(64, '0')] }),
    job('evaluate', { cells: ['no-depth-expert'], needs: ['train-no-depth-expert'.padEnd(64, '0')] }),
  ])
}

/** The same when it has ended well. */
export function ended(): RunView {
  const cell = (name: string, metrics: RunView['cells'][number]['metrics']) => ({
    cell: name,
    state: 'succeeded' as const,
    metrics,
    stages: {},
  })
  const sanity = { 'success.untrained': { k: 0, n: 40 }, 'success.expert': { k: 40, n: 40 } }
  return run([job('train', { state: 'succeeded', attempts: 1, ...seconds(0, 200) })], {
    state: 'succeeded',
    endedAt: start + 581_000,
    report: '/somewhere/reports/r-7k2pq/index.html',
    goodput: {
      share: 0.74,
      training: 432,
      saving: 4,
      starting: 27,
      queueing: 118,
      restarting: 0,
      lost: 0,
      stepsComputed: 1200,
      stepsLost: 0,
    },
    cells: [
      cell('full', {
        'success.button-press-topdown-v3': { k: 20, n: 20 },
        'success.drawer-open-v3': { k: 19, n: 20 },
        'success.mean': { k: 39, n: 40 },
        ...sanity,
        'depth.absrel.random_camera': 0.2612,
      }),
      cell('no-depth-expert', {
        'success.button-press-topdown-v3': { k: 20, n: 20 },
        'success.drawer-open-v3': { k: 20, n: 20 },
        'success.mean': { k: 40, n: 40 },
        ...sanity,
      }),
    ],
  })
}
