import type { ReportInput, Sample } from '../input.ts'

/** What a depth picture shows. */
export type PicturePart = 'input' | 'ground truth' | 'predicted'

export type DepthGroup = {
  stage: string
  frame: string
  pictures: { part: PicturePart; sample: Sample; who: string }[]
  whole: Sample[]
}
export type ClipRow = { who: string; clips: { name: string; sample: Sample }[] }

const parts: Record<string, PicturePart> = {
  input: 'input',
  rgb: 'input',
  picture: 'input',
  truth: 'ground truth',
  ground_truth: 'ground truth',
  groundtruth: 'ground truth',
  gt: 'ground truth',
  label: 'ground truth',
  target: 'ground truth',
  predicted: 'predicted',
  prediction: 'predicted',
  pred: 'predicted',
}

const split = (name: string) =>
  name
    .replace(/\.(png|webp|gif|mp4|jpe?g)$/i, '')
    .split(/[./]|(?<=\d)-|-(?=(?:input|rgb|truth|ground_truth|gt|label|predicted|prediction|pred)$)/i)

const isClip = ({ name, mime }: Sample) =>
  /^(rollout|clip|episode)/i.test(name) || mime.startsWith('video/') || mime === 'image/gif'

/** Who made it, as a reader tells jobs apart: the cells, or nothing where all share it. */
const whoOf = ({ cells }: Sample, input: ReportInput) =>
  cells.length === input.cells.length && cells.length > 1 ? '' : cells.join(', ')

/** Input, truth and predictions of one frame, from every cell that drew it. The same input isn't shown twice. */
export function depthGroups(input: ReportInput): DepthGroup[] {
  const groups = new Map<string, DepthGroup>()
  for (const sample of input.samples.filter((one) => !isClip(one))) {
    const words = split(sample.name)
    const part = parts[(words.at(-1) ?? '').toLowerCase()]
    const frame = (part ? words.slice(0, -1) : words).join(' ')
    const id = JSON.stringify([sample.stage, frame])
    const group = groups.get(id) ?? { stage: sample.stage, frame, pictures: [], whole: [] }
    groups.set(id, group)
    if (!part) group.whole.push(sample)
    else if (
      part === 'predicted' ||
      !group.pictures.some((one) => one.part === part && one.sample.data === sample.data)
    ) {
      group.pictures.push({ part, sample, who: part === 'predicted' ? whoOf(sample, input) : '' })
    }
  }
  const order: PicturePart[] = ['input', 'ground truth', 'predicted']
  for (const { pictures } of groups.values()) pictures.sort((a, b) => order.indexOf(a.part) - order.indexOf(b.part))
  return [...groups.values()]
}

/** A row for each cell, clips in the order of their names, so that equal trials stand over each other. */
export function clipRows(input: ReportInput): ClipRow[] {
  const rows = new Map<string, ClipRow>()
  for (const sample of input.samples.filter(isClip)) {
    const who = whoOf(sample, input) || sample.stage
    const row = rows.get(who) ?? { who, clips: [] }
    rows.set(who, row)
    row.clips.push({
      name: sample.name
        .replace(/\.(png|webp|gif|mp4)$/i, '')
        .replace(/^(rollouts?|clips?)[./-]/i, '')
        .replaceAll('/', ', '),
      sample,
    })
  }
  for (const { clips } of rows.values()) clips.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
  return [...rows.values()]
}
