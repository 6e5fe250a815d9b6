import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { readClaim } from '../../orchestrator/engines/attempt-directory.ts'
import { isRunning, sendSignal } from '../../orchestrator/engines/local/processes.ts'

/** A rank that lives, as the kernel shows it: nothing here asks the control plane. */
export type LivingRank = { pid: number; attempt: string; rank: number }

/** Ranks of attempts of a state directory that live, be they stopped or not. */
export function livingRanks(state: string): LivingRank[] {
  const mark = `ORCHESTRATE_ATTEMPT_DIR=${join(state, 'attempts')}/`
  return pids().flatMap((pid) => {
    const environment = read(pid, 'environ').split('\0')
    const attempt = environment.find((entry) => entry.startsWith(mark))?.slice(mark.length)
    const rank = environment.find((entry) => entry.startsWith('RANK='))?.slice('RANK='.length)
    if (attempt === undefined || rank === undefined || isZombie(pid)) return []
    return [{ pid, attempt, rank: Number(rank) }]
  })
}

/** Pid of the launcher of an attempt, while it lives. */
export async function launcherOf(state: string, attempt: string): Promise<number | null> {
  const claim = await readClaim(join(state, 'attempts', attempt)).catch(() => null)
  return claim !== null && claim !== 'revoked' && isRunning(claim) ? claim.pid : null
}

/** Children of a process. Of a launcher: its guardian and its ranks. */
export const childrenOf = (pid: number): number[] =>
  read(pid, `task/${pid}/children`)
    .split(' ')
    .flatMap((text) => (text === '' ? [] : [Number(text)]))

/** Launchers and ranks of a state directory that live. */
export async function livingProcesses(state: string): Promise<{ pid: number; what: string }[]> {
  const attempts = (() => {
    try {
      return readdirSync(join(state, 'attempts'))
    } catch {
      return []
    }
  })()
  const launchers = await Promise.all(
    attempts.map(async (attempt) => {
      const pid = await launcherOf(state, attempt)
      return pid === null ? [] : [{ pid, what: `the launcher of ${attempt}` }]
    }),
  )
  const ranks = livingRanks(state).map(({ pid, attempt, rank }) => ({ pid, what: `rank ${rank} of ${attempt}` }))
  return [...launchers.flat(), ...ranks]
}

/** Leaves no launcher and no rank of a state directory. */
export async function killAll(state: string): Promise<void> {
  for (let look = 0; look < 100; look++) {
    const found = await livingProcesses(state)
    if (found.length === 0) return
    for (const { pid } of found) sendSignal(pid, 'SIGKILL')
    await pause(20)
  }
}

const pids = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)

const isZombie = (pid: number): boolean => /\) [ZX] /.test(read(pid, 'stat'))

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return '' // gone meanwhile
  }
}
