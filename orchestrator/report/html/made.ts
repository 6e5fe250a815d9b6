import { digest, NONE, plural } from '../figures.ts'
import type { ReportInput, ReportJob } from '../input.ts'
import { jobName } from '../job-name.ts'
import { html, type Part, type Safe } from './escape.ts'
import { time } from './header.ts'

/** What made this: enough to run it again. */
export function made(input: ReportInput): Safe {
  const { run, jobs, cells } = input
  const cached = jobs.filter((job) => job.cached).length
  const done = cells.filter(({ state }) => state === 'succeeded').length
  const facts: [string, Part][] = [
    [
      'run',
      html`<span class="id">${run.id}</span>, by ${run.owner}, ${time(run.createdAt)}${run.endedAt === null ? ', not ended' : html` to ${time(run.endedAt)}`}`,
    ],
    [
      'pipeline',
      `${run.pipeline}, ${done} of ${plural(cells.length, 'cell')}, ${plural(jobs.length, 'job')} (${cached} cached)`,
    ],
    ...(run.file === null ? [] : [['command', html`<code>orchestrate run ${run.file}</code>`] as [string, Part]]),
    ['commit', commit(input)],
    ['code', run.code === null ? NONE : html`<span class="id" title="${run.code}">sha256:${digest(run.code)}</span>`],
    ['lock', run.lock === null ? NONE : html`<span class="id" title="${run.lock}">sha256:${digest(run.lock)}</span>`],
    ...(run.data.length > 0
      ? [
          [
            'data',
            run.data.map(
              ({ name, fingerprint }) =>
                html`${name} <span class="id" title="${fingerprint}">${digest(fingerprint)}</span> `,
            ),
          ] as [string, Part],
        ]
      : []),
    ['trial seeds', seeds(input)],
    ...(run.pool === null ? [] : [['pool', run.pool] as [string, Part]]),
    ['versions', versions(jobs)],
    ...(Object.keys(run.labels).length > 0
      ? [
          [
            'labels',
            Object.entries(run.labels)
              .map(([name, value]) => `${name}=${value}`)
              .join(', '),
          ] as [string, Part],
        ]
      : []),
  ]
  return html`<section aria-labelledby="s-e"><h2 id="s-e">What made this</h2><p>Enough to run it again.</p>
<dl class="env">${facts.map(
    ([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>
`,
  )}</dl>
<details><summary>Configuration of ${plural(jobs.length, 'job')}, defaults filled in</summary><dl class="env config">${jobs.map(
    (job) => html`<dt>${jobName(job, input)}</dt><dd>${job.entry}: <code>${config(job)}</code></dd>
`,
  )}</dl></details></section>`
}

function commit({ run }: ReportInput): Part {
  if (run.commit === null) return 'none known: not run from a repository'
  return html`<span class="id">${run.commit}</span>${run.dirty ? ', with uncommitted changes: the commit alone doesn’t make this again' : ', no patch'}`
}

function seeds({ trials }: ReportInput): string {
  const all = [...new Set(Object.values(trials).flatMap((own) => own.map(({ seed }) => seed)))].sort((a, b) => a - b)
  const [first, last] = [all[0], all.at(-1)]
  if (first === undefined || last === undefined) return NONE
  return last - first + 1 === all.length && all.length > 2 ? `${first} to ${last}` : all.join(', ')
}

function versions(jobs: ReportJob[]): string {
  const pairs = new Set(
    jobs.flatMap((job) => Object.entries(job.versions).map(([name, version]) => `${name} ${version}`)),
  )
  return pairs.size === 0 ? NONE : [...pairs].join(', ')
}

const config = (job: ReportJob) =>
  Object.entries(job.config)
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ') || NONE
