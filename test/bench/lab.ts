import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Daemon, spawnDaemon } from '../support/spawn-daemon.ts'

/** A place to measure in: a real daemon on a state directory of its own, and everything gone afterwards. */
export type Lab = Daemon & {
  folder: string
  /** Pid of the daemon's own Redis. */
  redis: number
  /** What the daemon was told in its environment. */
  settings: Record<string, string>
  /** Called at the end, last first, also after Ctrl-C. */
  atEnd: (undo: () => unknown) => void
}

/** Starts what the daemon is to find when it comes, and returns the settings that tell it. */
export type World = (folder: string, atEnd: Lab['atEnd']) => Promise<Record<string, string>>

export async function withLab<T>(world: World | undefined, use: (lab: Lab) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'orc-bench-'))
  const undo: (() => unknown)[] = [() => rm(folder, { recursive: true, force: true, maxRetries: 20 })]
  const end = async (): Promise<void> => {
    for (let step = undo.pop(); step; step = undo.pop()) await Promise.try(step).catch(() => {})
  }
  const interrupted = (): void => void end().then(() => process.exit(130))
  process.once('SIGINT', interrupted)
  process.once('SIGTERM', interrupted)
  try {
    const state = join(folder, 'state')
    const atEnd: Lab['atEnd'] = (step) => void undo.push(step)
    const settings = { ...daemonSettings(), ...(await world?.(folder, atEnd)) }
    const daemon = await spawnDaemon(state, settings)
    undo.push(daemon.stop)
    const redis = Number(await readFile(join(state, 'redis/redis.pid'), 'utf8'))
    return await use({ ...daemon, folder, redis, settings, atEnd })
  } finally {
    await end()
    process.off('SIGINT', interrupted)
    process.off('SIGTERM', interrupted)
  }
}

/** Of the caller's settings, those that say what to measure with. */
function daemonSettings(): Record<string, string> {
  const names = ['ORCHESTRATE_PYTHON', 'ORCHESTRATE_CORES', 'ORCHESTRATE_LOG', 'MUJOCO_GL']
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])))
}
