import { measured } from '../figures.ts'
import type { ReportInput } from '../input.ts'
import { html, type Safe } from './escape.ts'
import { linearScale, logScale, type Scale } from './scale.ts'

type Point = [step: number, value: number]
type Series = { name: string; points: Point[] }
type Panel = { stage: string; metric: string; series: Series[] }

/** More would be a wall, not an answer: losses first, the rest is named. */
const MOST = 9

/** Small multiples: a panel for each metric of each stage, a line for each job, named at its end. */
export function curves(input: ReportInput): Safe | null {
  const panels = panelsOf(input)
  if (panels.length === 0) return null
  const names = [...new Set(panels.flatMap(({ series }) => series.map(({ name }) => name)))]
  const left = panels.slice(MOST).map(({ stage, metric }) => `${stage} ${metric}`)
  return html`<section aria-labelledby="s-c"><h2 id="s-c">Curves</h2><p>One line a job, by step. A job that cells share is drawn once.</p>
<div class="multiples">${panels.slice(0, MOST).map((panel) => plot(panel, names))}</div>
${left.length > 0 ? html`<p class="how">Not drawn: ${left.join(', ')}.</p>` : null}</section>`
}

function panelsOf({ curves: all, jobs, cells }: ReportInput): Panel[] {
  const panels = new Map<string, Panel>()
  for (const job of jobs) {
    for (const { metrics } of all.filter((curve) => curve.job === job.key)) {
      for (const [metric, raw] of Object.entries(metrics)) {
        const points = raw.filter((point) => point.every(Number.isFinite))
        if (points.length < 2) continue
        const id = JSON.stringify([job.stage, metric])
        const panel = panels.get(id) ?? { stage: job.stage, metric, series: [] }
        const name = job.cells.length === cells.length && cells.length > 1 ? 'all cells' : job.cells.join(', ')
        panels.set(id, { ...panel, series: [...panel.series, { name: name || job.stage, points }] })
      }
    }
  }
  const rank = ({ metric }: Panel) => (metric === 'loss' ? 0 : metric.startsWith('loss') ? 1 : 2)
  return [...panels.values()].sort((a, b) => rank(a) - rank(b))
}

function plot({ stage, metric, series }: Panel, names: string[]): Safe {
  const points = series.flatMap((one) => one.points)
  const [low, high] = extent(points.map(([, value]) => value))
  const log = low > 0 && high / low >= 8
  const y = log ? logScale(low, high) : linearScale(low > 0 && low < high / 2 ? 0 : low, high)
  const last = Math.max(...points.map(([step]) => step))
  const start = Math.min(0, ...points.map(([step]) => step))
  const x = (step: number) => (step - start) / (last - start || 1)
  const lines = series.map((one) => ({
    ...one,
    colour: `c${(names.indexOf(one.name) % 6) + 1}`,
    end: one.points.at(-1) as Point,
  }))
  const words = `${stage}, ${metric} by step: ${lines.map(({ name, points: own, end }) => `${name} from ${measured(own[0]?.[1] ?? 0)} to ${measured(end[1])} at step ${end[0]}`).join('; ')}`
  const ends = spread(lines.map(({ end }) => 1 - y.at(end[1])))
  return html`<figure><figcaption><b>${stage}</b> ${metric}<small>${log ? 'log scale, by step' : 'by step'}</small></figcaption>
<div class="plot"><div class="ys" aria-hidden="true">${y.ticks.map((tick) => html`<span style="top:${at(1 - tick.at)}">${tick.label}</span>`)}</div>
<div class="area"><svg viewBox="0 0 1000 400" preserveAspectRatio="none" role="img" aria-label="${words}">${grid(y)}${lines.map((one) => html`<polyline class="line ${one.colour}" points="${one.points.map(([step, value]) => `${Math.round(x(step) * 1000)},${Math.round((1 - y.at(value)) * 400)}`).join(' ')}"/>`)}</svg></div>
<div class="names" aria-hidden="true"><svg viewBox="0 0 20 400" preserveAspectRatio="none">${lines.map(({ colour, end }, index) => html`<path class="${colour}" d="M2 ${Math.round((1 - y.at(end[1])) * 400)}L17 ${Math.round((ends[index] ?? 0) * 400)}"/>`)}</svg>${lines.map(({ name, colour }, index) => html`<span class="${colour}" style="top:${at(ends[index] ?? 0)}" title="${name}">${name}</span>`)}</div>
<div class="xs" aria-hidden="true">${xTicks(start, last).map((tick) => html`<span style="left:${at(x(tick))}">${short(tick)}</span>`)}</div></div>
<div class="key" aria-hidden="true">${lines.map(({ name, colour }) => html`<span class="${colour}"><svg viewBox="0 0 28 8"><path class="line ${colour}" d="M0 4h28"/></svg>${name}</span>`)}</div></figure>`
}

const at = (share: number) => `${(share * 100).toFixed(2)}%`

const grid = (y: Scale): Safe =>
  html`<path class="grid" d="${y.ticks.map((tick) => `M0 ${Math.round((1 - tick.at) * 400)}H1000`).join('')}"/>`

function extent(values: number[]): [number, number] {
  return values.reduce(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  )
}

const xTicks = (start: number, last: number) => [...new Set([start, Math.round((start + last) / 2), last])]
const short = (step: number) => (step >= 10_000 ? `${Number((step / 1000).toFixed(1))}k` : String(step))

/** Places for names, each as near to its line's end as the height of a line of text allows. */
export function spread(wanted: number[], gap = 0.085): number[] {
  const order = wanted.map((_, index) => index).sort((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0))
  const places = [...wanted]
  let floor = 0
  for (const index of order) {
    places[index] = Math.max(places[index] ?? 0, floor)
    floor = (places[index] ?? 0) + gap
  }
  let ceiling = 1
  for (const index of order.reverse()) {
    places[index] = Math.min(places[index] ?? 0, ceiling)
    ceiling = (places[index] ?? 0) - gap
  }
  return places
}
