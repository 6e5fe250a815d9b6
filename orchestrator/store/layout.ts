import { checkKey } from './key.ts'

/** Where things lie in a store. Everything that knows a key asks here. */
export const layout = {
  identity: 'identity.json',
  control: 'control',
  epoch: (epoch: number) => `control/${epoch}.json`,
  heartbeat: (epoch: number) => `control/${epoch}.heartbeat`,
  blob: (sha256: string) => `code/${sha256}`,
  jobs: 'jobs',
  job: (job: string) => `jobs/${job}`,
  artifact: (job: string) => `jobs/${job}/artifact.json`,
  shard: (job: string, shard: number) => `jobs/${job}/s${shard}`,
  fences: (job: string, shard: number) => `jobs/${job}/s${shard}/fences`,
  fence: (job: string, shard: number, fence: number) => `jobs/${job}/s${shard}/fences/${fence}.json`,
  /** All that one attempt writes. */
  attempt: (job: string, shard: number, fence: number) => `jobs/${job}/s${shard}/${fence}`,
  outputs: (attempt: string) => `${attempt}/outputs.json`,
  output: (attempt: string, name: string, path: string) => checkKey(`${attempt}/outputs/${name}/${path}`),
  checkpoints: (job: string, shard: number, fence: number) => `jobs/${job}/s${shard}/${fence}/checkpoints`,
  manifest: (job: string, shard: number, fence: number, step: number) =>
    `jobs/${job}/s${shard}/${fence}/checkpoints/${step}/manifest.json`,
  marks: 'gc/marks',
  marksOf: (job: string) => `gc/marks/${job}`,
  mark: (job: string, name: string) => checkKey(`gc/marks/${job}/${name}.json`),
  pins: 'pins',
  pin: (run: string) => `pins/${run}.json`,
  journal: 'journal',
} as const
