import type { Engine } from '../../../../orchestrator/engines/engine.ts'

/** What every engine has to do, in the order in which the README of `orchestrator/engines/` lists it. */
export const properties = {
  launch: 'A launch is idempotent by attempt id, also at once and from two control planes',
  observe: 'One look at a thousand attempts starts at most three programs',
  started: 'Start and end can be waited for, by whoever launched it and by others',
  environment: 'Ranks are told who they are, and nothing that is not for them',
  worker: 'A worker in any language says how it goes, and fails in its own words',
  streams: 'Logs and events arrive while it runs',
  logs: 'A log keeps its beginning and its end, and says what is missing',
  signals: 'SIGTERM, SIGUSR1 and SIGUSR2 reach every rank; SIGKILL ends it at once, with a record',
  processes: 'Its ranks are seen as the kernel sees them, stopped ones too',
  codes: 'Every rank keeps its own exit code or signal, and the rank that ended the others is named',
  away: 'Code and reason are there when nobody watched, and the engine has forgotten it',
  adoption: 'It outlives the control plane that launched it, and the next one takes it over',
  limits: 'Limits of time and memory hold, and are called by their name',
  revoke: 'What was revoked never starts; of launch and revocation at once, one wins and both know',
  queued: 'A queued attempt says why, and can be revoked',
  leftovers: 'Nothing is left after the end: no process, no scratch file, no secret',
  forget: 'What is forgotten is gone without a trace, and what runs is not forgotten',
} as const
export type Property = keyof typeof properties

/** What an engine doesn't do, and why that is right. Its column in the README begins with a dash there. */
export const exceptions: Partial<Record<Engine['kind'], Partial<Record<Property, string>>>> = {
  local: { queued: 'it starts at once: what it needs was reserved before' },
  slurm: { processes: 'its ranks run on other machines' },
  agents: { processes: 'its ranks run on other machines' },
}
