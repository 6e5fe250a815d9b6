import type { ReportInput, Sample } from '../input.ts'
import { html, type Safe } from './escape.ts'
import { media } from './media.ts'
import { clipRows, type Frame, frames, type Sheet, sheets } from './samples.ts'

/** Depth pictures: what the model saw, what is true, what each cell predicted; then what else the workers drew. */
export function depthPictures(input: ReportInput): Safe | null {
  const [triples, own] = [frames(input), sheets(input)]
  if (triples.length + own.length === 0) return null
  const depth = triples.length > 0 || own.some(({ sample }) => /depth/i.test(sample.name))
  return html`<section aria-labelledby="s-p"><h2 id="s-p">${depth ? 'Depth' : 'Pictures'}</h2><p>As the workers drew them.</p>
${triples.map(triple)}
${own.length > 0 ? html`<div class="sheets">${own.map(sheet)}</div>` : null}
${depth ? html`<div class="scale"><span>near</span><i></i><span>far; cividis, near is yellow</span></div>` : null}</section>`
}

function triple({ stage, name, pictures }: Frame): Safe {
  const shown = pictures.map(({ part, sample, who }) => {
    const label = who === '' ? part : `${part}, ${who}`
    const caption = html`${label}${sample.caption === null ? null : html`<small>${sample.caption}</small>`}`
    return figure(sample, caption, `${stage} ${name}: ${label}`)
  })
  return html`<h3>${stage} <small>${name}</small></h3><div class="pics">${shown}</div>`
}

function sheet({ stage, who, sample }: Sheet): Safe {
  const about = sample.caption ?? sample.name
  const title = who === '' ? stage : `${stage}, ${who}`
  return figure(sample, html`<b>${title}</b><small>${about}</small>`, `${title}: ${about}`)
}

function figure(sample: Sample, caption: Safe | string, words: string): Safe {
  const shown = media(sample, words) ?? html`<p class="pic quiet">can’t be shown: ${sample.mime}</p>`
  return html`<figure>${shown}<figcaption>${caption}</figcaption></figure>`
}

/** Clips of trials, a row for each cell; then those of the data. */
export function rollouts(input: ReportInput): Safe | null {
  const rows = clipRows(input)
  if (rows.length === 0) return null
  const trials = rows.filter((row) => row.trials)
  const names = trials.map(({ clips }) => clips.map(({ name }) => name).join('\n'))
  const same = trials.length > 1 && names.every((own) => own === names[0])
  return html`<section aria-labelledby="s-r"><h2 id="s-r">${same ? 'Rollouts at the same trials' : 'Rollouts'}</h2><p>As the workers recorded them${same ? '; one column, one trial' : ''}.</p>
${rows.map(
  ({ who, clips }) =>
    html`<div class="roll"><h3>${who}</h3><div class="pics">${clips.map(({ name, sample }) =>
      figure(sample, sample.caption ?? name, `Clip of ${who}: ${sample.caption ?? name}`),
    )}</div></div>`,
)}</section>`
}
