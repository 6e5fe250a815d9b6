import type { ReportInput, Sample } from '../input.ts'
import { html, type Safe } from './escape.ts'
import { media } from './media.ts'
import { clipRows, type DepthGroup, depthGroups } from './samples.ts'

/** Depth pictures: what the model saw, what is true, what each cell predicted. */
export function depthPictures(input: ReportInput): Safe | null {
  const groups = depthGroups(input)
  if (groups.length === 0) return null
  return html`<section aria-labelledby="s-p"><h2 id="s-p">Depth</h2><p>As the worker drew them: the picture that goes in, the ground truth, and what was predicted.</p>
${groups.map(frame)}
<div class="scale"><span>near</span><i></i><span>far; cividis, near is yellow</span></div></section>`
}

function frame({ stage, frame: name, pictures, whole }: DepthGroup): Safe {
  const shown = pictures.map(({ part, sample, who }) => {
    const label = who === '' ? part : `${part}, ${who}`
    return figure(
      sample,
      html`${label}${sample.caption === null ? null : html`<small>${sample.caption}</small>`}`,
      `${stage} ${name}: ${label}`,
    )
  })
  const rest = whole.map((sample) =>
    figure(sample, sample.caption ?? sample.name, sample.caption ?? `${stage}: ${sample.name}`),
  )
  return html`<h3>${stage} <small>${name}</small></h3><div class="pics">${shown}${rest}</div>`
}

function figure(sample: Sample, caption: Safe | string, words: string): Safe {
  const shown = media(sample, words) ?? html`<p class="pic quiet">can’t be shown: ${sample.mime}</p>`
  return html`<figure>${shown}<figcaption>${caption}</figcaption></figure>`
}

/** Clips of trials, a row for each cell. */
export function rollouts(input: ReportInput): Safe | null {
  const rows = clipRows(input)
  if (rows.length === 0) return null
  const shared =
    rows.length > 1 &&
    rows.every(({ clips }) => clips.some(({ name }) => rows[0]?.clips.some((one) => one.name === name)))
  return html`<section aria-labelledby="s-r"><h2 id="s-r">${shared ? 'Rollouts at the same trials' : 'Rollouts'}</h2><p>As the worker recorded them; clips of one trial stand over each other.</p>
<div class="rolls">${rows.map(
    ({ who, clips }) =>
      html`<div class="roll"><h3>${who}</h3><div class="pics">${clips.map(({ name, sample }) =>
        figure(
          sample,
          html`${name}${sample.caption === null ? null : html`<small>${sample.caption}</small>`}`,
          `Clip of ${who}, ${name}${sample.caption === null ? '' : `: ${sample.caption}`}`,
        ),
      )}</div></div>`,
  )}</div></section>`
}
