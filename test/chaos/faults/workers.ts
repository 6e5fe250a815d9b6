import { setTimeout as pause } from 'node:timers/promises'
import { sendSignal } from '../../../orchestrator/engines/local/processes.ts'
import { between, type Fault, now, pick, type Strike, type Struck } from '../fault.ts'
import { childrenOf, livingProcesses } from '../processes.ts'
import { replaced, resumed, trainsOn } from '../recovery.ts'
import { type Victim, victim } from '../victim.ts'

/** A fault that is signals to processes of one attempt, which has to be replaced. */
const toAttempt = (about: string, harm: (met: Victim, strike: Strike) => void): Fault => ({
  about,
  strike: async (strike) => {
    const met = await victim(strike)
    return met && struck(strike, met, () => harm(met, strike))
  },
})

function struck(strike: Strike, met: Victim, harm: () => void): Struck {
  const at = now()
  harm()
  return { at, recovered: resumed(strike, met) }
}

const kill = (pids: readonly number[]): void => {
  for (const pid of pids) sendSignal(pid, 'SIGKILL')
}

const pidsOf = (met: Victim): number[] => met.ranks.map(({ pid }) => pid)

const guardiansOf = (met: Victim): number[] => childrenOf(met.launcher).filter((pid) => !pidsOf(met).includes(pid))

export const rankKilled = toAttempt('a rank: kill -9', (met, { dice }) => {
  const rank = pick(met.ranks, dice)
  if (rank) kill([rank.pid])
})

export const gangKilled: Fault = {
  about: 'all ranks of a gang: kill -9',
  strike: async (strike) => {
    const met = await victim(strike, ({ pids }) => pids.size > 1)
    return met && struck(strike, met, () => kill(pidsOf(met)))
  },
}

export const launcherKilled = toAttempt('a launcher: kill -9', (met) => kill([met.launcher]))

export const guardianKilled: Fault = {
  about: 'a launcher and its guardian: kill -9',
  strike: async (strike) => {
    const met = await victim(strike)
    if (!met) return null
    const at = now()
    kill([...guardiansOf(met), met.launcher])
    return { at, recovered: replaced(strike, met) }
  },
}

export const attemptKilled = toAttempt('launcher, guardian and ranks: kill -9', (met) =>
  kill([...guardiansOf(met), met.launcher, ...pidsOf(met)]),
)

export const preempted = toAttempt('a launcher: SIGTERM, as before a preemption', (met) =>
  sendSignal(met.launcher, 'SIGTERM'),
)

/** A laptop that is closed for a while: nothing runs, and then all goes on as if nothing had been. */
export const asleep: Fault = {
  about: 'everything at once: SIGSTOP, and SIGCONT 0.5 to 3 s later',
  strike: async (strike) => {
    const { world, dice, signal } = strike
    const daemon = (await world.daemon()).process.pid ?? 0
    const redis = await world.redis()
    const workers = (await livingProcesses(world.state)).map(({ pid }) => pid)
    const all = [daemon, ...(redis ? [redis] : []), ...workers]
    for (const pid of all) sendSignal(pid, 'SIGSTOP')
    await pause(between(500, 3000, dice), undefined, { signal }).finally(() => {
      for (const pid of all.toReversed()) sendSignal(pid, 'SIGCONT')
    })
    const at = now()
    return { at, recovered: trainsOn(strike, at) }
  },
}

export const rankFrozen: Fault = {
  about: 'a rank: SIGSTOP, to be found out as hung',
  strike: async (strike) => {
    const met = await victim(strike, ({ from, step }) => step - from > 5) // by then its step time is known
    const rank = met && pick(met.ranks, strike.dice)
    return met && rank ? struck(strike, met, () => sendSignal(rank.pid, 'SIGSTOP')) : null
  },
}
