import type { JobState, ReportJob, RunState } from '../input.ts'
import { html, type Safe } from './escape.ts'

/** Shape first, colour second, a word always near. */
export const symbols: Safe = html`<svg width="0" height="0" class="defs" aria-hidden="true">
<symbol id="done" viewBox="0 0 16 16"><circle class="fill" cx="8" cy="8" r="7"/><path class="cut" d="M4.8 8.3l2.2 2.2 4.2-4.8"/></symbol>
<symbol id="cached" viewBox="0 0 16 16"><circle cx="8" cy="8" r="6.2"/><path d="M5.2 8.3l2 2 3.7-4.3"/></symbol>
<symbol id="running" viewBox="0 0 16 16"><circle cx="8" cy="8" r="6.2"/><path class="fill" d="M8 4a4 4 0 0 1 0 8z"/></symbol>
<symbol id="waiting" viewBox="0 0 16 16"><circle cx="8" cy="8" r="6.2"/><path d="M8 4.8V8l2.2 1.6"/></symbol>
<symbol id="pending" viewBox="0 0 16 16"><circle cx="8" cy="8" r="6.2" stroke-dasharray="1.4 2.9"/></symbol>
<symbol id="failed" viewBox="0 0 16 16"><path class="fill" d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z"/><path class="cut" d="M5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8"/></symbol>
<symbol id="blocked" viewBox="0 0 16 16"><path d="M5.4 1.8h5.2l3.6 3.6v5.2l-3.6 3.6H5.4l-3.6-3.6V5.4z"/><path d="M5 8h6"/></symbol>
<symbol id="stopped" viewBox="0 0 16 16"><path d="M2.4 2.4h11.2v11.2H2.4z"/><path d="M5 8h6"/></symbol>
</svg>`

type Mark = 'done' | 'cached' | 'running' | 'waiting' | 'pending' | 'failed' | 'blocked' | 'stopped'

export const mark = (kind: Mark): Safe => html`<svg class="mark" aria-hidden="true"><use href="#${kind}"/></svg>`

const state = (kind: Mark, word: string): Safe => html`<span class="state is-${kind}">${mark(kind)}${word}</span>`

const runs: Record<RunState, Mark> = { running: 'running', succeeded: 'done', failed: 'failed', cancelled: 'stopped' }

export const runState = (name: RunState): Safe => state(runs[name], name)

const jobs: Record<JobState, Mark> = {
  waiting: 'pending',
  ready: 'waiting',
  placed: 'waiting',
  running: 'running',
  exited: 'running',
  succeeded: 'done',
  failed: 'failed',
  cancelled: 'stopped',
}

export function jobState(job: ReportJob): Safe {
  if (job.cached && job.state === 'succeeded') return state('cached', 'cached')
  if (job.state === 'failed' && job.error?.code === 'INPUT_FAILED') return state('blocked', 'input failed')
  return state(jobs[job.state], job.state)
}
