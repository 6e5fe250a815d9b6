import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'

const TICKS_PER_SECOND = 100

/** Seconds of processor time that a process has taken, all its threads together. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Most bytes of memory that a process had at a time. */
export function peakMemory(pid: number): number {
  const line = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1] ?? Number.NaN) * 1024
}

/** What a Redis has done since it started. */
export type RedisCosts = {
  /** Scripts that it was asked to run: nearly all that it is asked for. */
  scripts: number
  /** Commands, those that scripts gave included. */
  commands: number
  cpu: number
  memory: number
}

export async function redisCosts(redis: Redis): Promise<RedisCosts> {
  const [stats, cpu, memory] = await Promise.all([redis.info('commandstats'), redis.info('cpu'), redis.info('memory')])
  const calls = new Map(
    [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, count]) => [name, Number(count)]),
  )
  const field = (text: string, name: string): number => Number(new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(text)?.[1])
  return {
    scripts: (calls.get('evalsha') ?? 0) + (calls.get('eval') ?? 0),
    commands: [...calls.values()].reduce((sum, count) => sum + count, 0),
    cpu: field(cpu, 'used_cpu_user') + field(cpu, 'used_cpu_sys'),
    memory: field(memory, 'used_memory'),
  }
}
