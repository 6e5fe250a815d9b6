import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { hasCode, type LauncherClaim } from '../attempt-directory.ts'
import type { RankProcess } from '../engine.ts'

let boot: string | undefined

/** Names the time since this machine was last started. */
export function bootId(): string {
  boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return boot
}

/** Whether the process that made the claim runs: the same boot, the same pid, started at the same moment. */
export function isRunning(claim: LauncherClaim): boolean {
  const stat = claim.boot === bootId() ? readStat(claim.pid) : null
  return stat !== null && stat.start === claim.start && stat.state !== 'Z'
}

/**
 * Kills an attempt without its launcher's help: that process, its session, and whatever was told this attempt directory
 * in its environment. Only for an attempt whose lock is held; else its session's number may be another's by now.
 */
export async function killTree(directory: string, claim: LauncherClaim): Promise<void> {
  const leader = readStat(claim.pid)
  const session = leader === null || leader.start === claim.start ? claim.pid : null
  for (let look = 0; look < 100; look++) {
    const pids = pidsOf(directory, session)
    if (pids.length === 0) return
    for (const pid of pids) sendSignal(pid, 'SIGKILL')
    await setTimeout(10) // the kernel takes a moment, and one of them may have forked in its last
  }
}

/** Processes that belong to an attempt; zombies don't count. */
export function pidsOf(directory: string, session: number | null): number[] {
  const mark = `\0ORCHESTRATE_ATTEMPT_DIR=${directory}\0`
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const stat = readStat(pid)
      if (stat === null || stat.state === 'Z') return false
      return stat.session === session || `\0${readProc(pid, 'environ')}`.includes(mark)
    })
}

/** The ranks of a launcher; none of what these have started in turn. Null when the launcher is gone. */
export function rankProcesses(claim: LauncherClaim): RankProcess[] | null {
  return isRunning(claim) ? ranksBelow(claim.pid) : null
}

/** Children of a process that were told that they are a rank. */
export function ranksBelow(parent: number): RankProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name): RankProcess[] => {
      const stat = readStat(Number(name))
      if (stat?.parent !== parent || stat.state === 'Z') return []
      const rank = /\0RANK=(\d+)\0/.exec(`\0${readProc(Number(name), 'environ')}`)?.[1]
      return rank === undefined ? [] : [{ rank: Number(rank), state: stat.state }]
    })
}

/** Attempt directories that a living process was told of at its start; zombies don't count. */
export function attemptDirectoriesInUse(): string[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    const [, directory] = /\0ORCHESTRATE_ATTEMPT_DIR=([^\0]+)\0/.exec(`\0${readProc(Number(name), 'environ')}`) ?? []
    return directory === undefined || readStat(Number(name))?.state === 'Z' ? [] : [directory]
  })
}

/** See proc(5); the command's name, the second field, may hold anything, so the rest is counted from its end. */
function readStat(pid: number): { state: string; parent: number; session: number; start: number } | null {
  const text = readProc(pid, 'stat')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, parent, session, start] = [fields[0], fields[1], fields[3], fields[19]]
  if (!state || !parent || !session || !start) return null
  return { state, parent: Number(parent), session: Number(session), start: Number(start) }
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return '' // gone meanwhile, or another user's
  }
}

/** A process that is gone already is left in peace. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error
  }
}
