import { createHash } from 'node:crypto'
import { canonicalJson } from '../../plan/canonical-json.ts'
import type { FileEntry } from '../../protocol/manifest.ts'
import type { MetricValue } from '../../protocol/worker-event.ts'
import type { Json } from '../../spec/pipeline.ts'
import type { Compared } from './certificate.ts'

/** One value of a curve, by the attempt that told it. */
export type Point = { name: string; step: number; value: number }

/** What one twin left: all that a run is judged by, as far as it is a matter of bits. */
export type Evidence = {
  /** By output. */
  outputs: Record<string, FileEntry[]>
  /** The newest committed training state: weights, optimizer, random generators, place in the data. */
  state: { step: number; files: FileEntry[]; cursor: Json } | null
  /** The curves, attempt by attempt, as they were told. */
  curves: Point[][]
  results: Record<string, MetricValue>
}

/** What workers measure with a clock, by the name of the metric: never twice the same, so no difference. */
const byTheClock = (name: string): boolean => /^(time|stream)\./.test(name)

/** Every bit of both twins, side by side: the one that was never stopped, and the one that was killed and resumed. */
export function compareTwins(whole: Evidence, resumed: Evidence): { compared: Compared[]; notCompared: string[] } {
  const outputs = names(whole.outputs, resumed.outputs).map((name) =>
    compareFiles(`output ${name}`, whole.outputs[name] ?? [], resumed.outputs[name] ?? []),
  )
  const told = whole.curves.flat()
  const metrics = names(byName(told), byName(resumed.curves.flat()))
    .filter((name) => !byTheClock(name))
    .map((name) => compareCurve(name, whole, resumed))
  const state = compareState(whole.state, resumed.state)
  return {
    compared: [
      ...outputs,
      ...(typeof state === 'string' ? [] : [state]),
      ...metrics,
      compareValues('results', whole.results, resumed.results),
    ],
    notCompared: typeof state === 'string' ? [state] : [],
  }
}

/** What became of a resume: what the attempt was told, what its own checkpoints say, and where it went on. */
export type Resumed = { told: string; step: number; parent: string | null; firstStep: number | null }

/** An attempt that began again from nothing ends with the same bits, and proves nothing. */
export function compareResumes(resumes: Resumed[]): Compared {
  const differing = resumes.flatMap(({ told, step, parent, firstStep }, index) => {
    const attempt = `attempt ${index + 2} was told to resume from step ${step}`
    if (parent !== null && parent !== told) return [`${attempt}, and resumed from ${parent}`]
    return firstStep !== null && firstStep <= step ? [`${attempt}, and did step ${firstStep} again first`] : []
  })
  return {
    what: 'resume',
    count: resumes.length,
    repeated: 0,
    digests: [digestOf(resumes.map(({ told }) => told)), digestOf(resumes.map(({ told, parent }) => parent ?? told))],
    difference: differing[0] ?? null,
  }
}

function compareState(whole: Evidence['state'], resumed: Evidence['state']): Compared | string {
  if (whole === null || resumed === null)
    return 'training state: the stage saves none at its last step, though it is asked to'
  const what = `state at step ${whole.step}`
  const files = compareFiles(what, whole.files, resumed.files)
  const [a, b] = files.digests
  const found = { ...files, digests: [digestOf([a, whole.cursor]), digestOf([b, resumed.cursor])] as [string, string] }
  if (whole.step !== resumed.step) {
    return { ...found, difference: `the last one saved is of step ${resumed.step}, without a stop of ${whole.step}` }
  }
  const same = canonicalJson(whole.cursor) === canonicalJson(resumed.cursor)
  return found.difference !== null || same ? found : { ...found, difference: 'another place in the data' }
}

function compareFiles(what: string, whole: FileEntry[], resumed: FileEntry[]): Compared {
  const [a, b] = [whole, resumed].map((files) => new Map(files.map((file) => [file.path, file]))) as [
    Map<string, FileEntry>,
    Map<string, FileEntry>,
  ]
  const paths = [...new Set([...a.keys(), ...b.keys()])].sort()
  const differing = paths.flatMap((path) => {
    const [one, other] = [a.get(path), b.get(path)]
    if (!one) return [`${path} is there only with a stop`]
    if (!other) return [`${path} is missing`]
    return one.sha256 === other.sha256 ? [] : [`${path} has SHA-256 ${short(other)}, without a stop ${short(one)}`]
  })
  const digest = (files: Map<string, FileEntry>) => digestOf(paths.map((path) => [path, files.get(path)?.sha256 ?? '']))
  return { what, count: paths.length, repeated: 0, digests: [digest(a), digest(b)], difference: differing[0] ?? null }
}

const short = ({ sha256 }: FileEntry): string => `${sha256.slice(0, 12)}…`

/** An attempt that resumed tells the steps again that its predecessor lost: they count as much as the new ones. */
function compareCurve(name: string, whole: Evidence, resumed: Evidence): Compared {
  const of = (points: Point[]) => points.filter((point) => point.name === name)
  const expected = of(whole.curves.flat())
  const told = resumed.curves.map(of)
  const values = new Map(expected.map(({ step, value }) => [step, value]))
  const differences = told.flatMap((points, index) =>
    points.flatMap(({ step, value }) => {
      const wanted = values.get(step)
      if (Object.is(wanted, value)) return []
      const instead = wanted === undefined ? 'nothing was told' : `it is ${wanted}`
      return [{ step, text: `${value} at step ${step} in attempt ${index + 1}, where without a stop ${instead}` }]
    }),
  )
  const all = new Map<number, number>()
  // Of a step that was told twice, the value that differs is the one that counts.
  for (const { step, value } of told.flat())
    if (!all.has(step) || Object.is(all.get(step), values.get(step))) all.set(step, value)
  const missing = expected.flatMap(({ step }) =>
    all.has(step) ? [] : [{ step, text: `nothing was told at step ${step}` }],
  )
  const first = [...differences, ...missing].sort((a, b) => a.step - b.step)[0]
  return {
    what: `metric ${name}`,
    count: values.size,
    repeated: told.flat().length - all.size,
    digests: [digestOf([...values]), digestOf([...all])],
    difference: first?.text ?? null,
  }
}

function compareValues(
  what: string,
  whole: Record<string, MetricValue>,
  resumed: Record<string, MetricValue>,
): Compared {
  const text = (value: MetricValue | undefined) => (value === undefined ? 'nothing' : canonicalJson(value))
  const all = names(whole, resumed)
  const differing = all.find((name) => text(whole[name]) !== text(resumed[name]))
  return {
    what,
    count: all.length,
    repeated: 0,
    digests: [digestOf(whole), digestOf(resumed)],
    difference:
      differing === undefined
        ? null
        : `${differing} is ${text(resumed[differing])}, without a stop ${text(whole[differing])}`,
  }
}

const byName = (points: Point[]): Record<string, true> =>
  Object.fromEntries(points.map(({ name }) => [name, true as const]))

const names = (a: object, b: object): string[] => [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()

const digestOf = (value: Json): string => createHash('sha256').update(canonicalJson(value)).digest('hex')
