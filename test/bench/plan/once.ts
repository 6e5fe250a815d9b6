import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { planLines } from '../../../orchestrator/cli/view/plan-lines.ts'
import { codeClosure } from '../../../orchestrator/plan/code-closure.ts'
import { sha256 } from '../../../orchestrator/plan/content-key.ts'
import { makePlan } from '../../../orchestrator/plan/make-plan.ts'
import { WorkerDescription } from '../../../orchestrator/protocol/worker-description.ts'
import { planView } from '../../../orchestrator/server/views/plan-view.ts'
import { parsePipeline } from '../../../orchestrator/spec/parse-pipeline.ts'

/** What one planning took, in a process of its own. Bytes are those that the plan and its pipeline keep. */
export type Once = { cells: number; jobs: number; lines: number; ms: number; bytes: number; most: number }

const root = join(import.meta.dirname, '../../..')
const seeds = Array.from({ length: Number(process.argv[2]) }, (_, seed) => seed)
const jobs = (name: string) => ({ file: name, text: readFileSync(join(root, 'jobs', name), 'utf8') })
const ablations = jobs('ablations-quickstart.yaml')
// biome-ignore lint/suspicious/noTemplateCurlyInString: the variables of a pipeline file look like that
const seeded = 'stages:\n  train: { with: { seed: "${matrix.seed}" } }\nmatrix:\n'
const text = `${ablations.text.replace(/^matrix:\n/m, () => seeded)}\n  seed: [${seeds}]\n`

const folder = join(root, 'worker-images/depthvla')
const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.py'))
const files = new Map(paths.map((path) => [path, readFileSync(join(folder, path), 'utf8')]))
const worker = WorkerDescription.parse(JSON.parse(readFileSync(join(folder, 'worker.json'), 'utf8')))
const source = { file: ablations.file, folder: '/jobs', workerFolder: '/worker', set: [], only: [], env: {} }

globalThis.gc?.()
const before = process.memoryUsage().heapUsed
const started = performance.now()
const parsed = parsePipeline({ ...source, text, bases: [jobs('quickstart.yaml')], worker })
if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems.slice(0, 3)))
const { pipeline } = parsed
const digest = (path: string) => sha256(files.get(path) ?? '')
const code = (entry: string) => codeClosure(files, worker, entry, digest)
const plan = makePlan(pipeline, { code, lock: null, fingerprints: {}, generation: 0 })
const lines = planLines(planView(pipeline.name, plan, new Map(), []), 0).length
const ms = performance.now() - started
globalThis.gc?.()
const bytes = process.memoryUsage().heapUsed - before
const most = process.resourceUsage().maxRSS * 1024
const once: Once = { cells: plan.cells.length, jobs: plan.jobs.length, lines, ms, bytes, most }
console.log(JSON.stringify(once))
// Kept until its size was taken.
if (plan.cells.length !== pipeline.cells.length) process.exitCode = 1
