import type { ReportInput, Sample } from '../input.ts'

/** What a picture of a frame shows. */
export type PicturePart = 'input' | 'ground truth' | 'predicted'

/** One frame whose parts came as pictures of their own. */
export type Frame = { stage: string; name: string; pictures: { part: PicturePart; sample: Sample; who: string }[] }

/** A picture that stands for itself: a sheet with input, prediction and truth side by side, a look at the data. */
export type Sheet = { stage: string; who: string; sample: Sample }

/** Clips that are to be read together: of one cell's policy, or of one stage. */
export type ClipRow = { who: string; trials: boolean; clips: { name: string; sample: Sample }[] }

const parts: Record<string, PicturePart> = {
  input: 'input',
  rgb: 'input',
  truth: 'ground truth',
  ground_truth: 'ground truth',
  label: 'ground truth',
  predicted: 'predicted',
  prediction: 'predicted',
}

const withoutEnding = (name: string) => name.replace(/\.(png|webp|gif|mp4|webm|jpe?g)$/i, '')
const wordsOf = (name: string) => withoutEnding(name).split(/[./]/)
const partOf = (name: string): PicturePart | undefined => parts[(wordsOf(name).at(-1) ?? '').toLowerCase()]

const TRIALS = /^(trials?|rollouts?|clips?|episodes?)[./]/i
const isClip = ({ name, mime }: Sample) =>
  partOf(name) === undefined && (TRIALS.test(name) || !/^image\/(png|jpeg)/.test(mime))

/** Who made it, as a reader tells jobs apart: the cells, or nothing where all share it. */
const whoOf = ({ cells }: Sample, input: ReportInput) =>
  cells.length === input.cells.length && cells.length > 1 ? '' : cells.join(', ')

/** Input, truth and predictions of each frame, from every cell that drew it. The same input isn't shown twice. */
export function frames(input: ReportInput): Frame[] {
  const found = new Map<string, Frame>()
  for (const sample of input.samples) {
    const part = partOf(sample.name)
    if (!part) continue
    const name = wordsOf(sample.name).slice(0, -1).join(' ')
    const id = JSON.stringify([sample.stage, name])
    const frame = found.get(id) ?? { stage: sample.stage, name, pictures: [] }
    found.set(id, frame)
    if (part !== 'predicted' && frame.pictures.some((one) => one.part === part && one.sample.data === sample.data))
      continue
    frame.pictures.push({ part, sample, who: part === 'predicted' ? whoOf(sample, input) : '' })
  }
  const order: PicturePart[] = ['input', 'ground truth', 'predicted']
  for (const { pictures } of found.values()) pictures.sort((a, b) => order.indexOf(a.part) - order.indexOf(b.part))
  return [...found.values()]
}

/** Results before data: what a model predicted is the answer, what it was shown the evidence. */
export function sheets(input: ReportInput): Sheet[] {
  const all = input.samples.filter((sample) => partOf(sample.name) === undefined && !isClip(sample))
  const own = all.map((sample) => ({ stage: sample.stage, who: whoOf(sample, input), sample }))
  const isResult = ({ sample }: Sheet) => /^depth\b/i.test(sample.name)
  return [...own.filter(isResult), ...own.filter((sheet) => !isResult(sheet))]
}

/** Clips in the order of their names, so that equal trials of two cells stand over each other; trials before all else. */
export function clipRows(input: ReportInput): ClipRow[] {
  const rows = new Map<string, ClipRow>()
  for (const sample of input.samples.filter(isClip)) {
    const trials = TRIALS.test(sample.name)
    const words = wordsOf(sample.name).slice(1)
    const policy = /^(trained|untrained|expert)$/.test(words[0] ?? '') ? words.shift() : undefined
    const cell = whoOf(sample, input) || sample.stage
    const who = !trials ? sample.stage : policy === undefined || policy === 'trained' ? cell : `${policy}, ${cell}`
    const row = rows.get(who) ?? { who, trials, clips: [] }
    rows.set(who, row)
    row.clips.push({ name: words.join(', ') || sample.name, sample })
  }
  for (const { clips } of rows.values()) {
    clips.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
  }
  return [...rows.values()].sort((a, b) => Number(b.trials) - Number(a.trials))
}
