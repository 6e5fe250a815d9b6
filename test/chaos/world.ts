import { mkdir, mkdtemp, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { type Client, createClient } from '../../orchestrator/cli/client/client.ts'
import { isRedisOf } from '../../orchestrator/ledger/redis-process.ts'
import { socketPath } from '../../orchestrator/ledger/socket-path.ts'
import { startRedis } from '../../orchestrator/ledger/start-redis.ts'
import type { StoreAddress } from '../../orchestrator/protocol/job-file.ts'
import { openStore } from '../../orchestrator/store/open-store.ts'
import type { Store } from '../../orchestrator/store/store.ts'
import type { Ceph } from '../integration/store/ceph.ts'
import { type Daemon, spawnDaemon, spawnStandby } from '../support/spawn-daemon.ts'
import { mounted } from '../support/tmpfs.ts'
import { Book } from './book.ts'
import { killAll } from './processes.ts'

/** A control plane with its state directory, its store and its workers, which faults are done to. */
export type World = {
  folder: string
  state: string
  store: Store
  /** Folders of the store and the state directory that are small file systems of their own, to be filled up. */
  small: { store: string | null; state: string | null }
  /** The server of a store that is S3. */
  gateway: Ceph | null
  book: Book
  client: Client
  /** Starts a daemon; resolves when it answers. */
  start: (env?: Record<string, string>, signal?: AbortSignal) => Promise<Daemon>
  /** Starts another beside it, which is not the one that `daemon` tells of. */
  startAnother: (args?: string[]) => Promise<Daemon>
  /** Starts one that waits behind the daemon; to be called once that is gone, it makes it the daemon. */
  startStandby: () => Promise<() => Promise<Daemon>>
  /** The daemon that was started last, once it answers. */
  daemon: () => Promise<Daemon>
  /** Pid of the Redis of the state directory, while it lives. */
  redis: () => Promise<number | null>
  /** Asks the control plane, again and again while it is away or can't answer. */
  ask: <T>(question: (client: Client) => Promise<T>, signal?: AbortSignal) => Promise<T>
  /** Runs that a fault has cancelled and is about to resume. */
  cancelled: Map<string, Promise<void>>
  /** Store keys of checkpoints that a fault has damaged. */
  damaged: Set<string>
  /** Ends it and leaves nothing; `keep` leaves its folder to be looked into. */
  end: (folder: 'keep' | 'remove') => Promise<void>
}

/** More than the machine has: its workers sleep most of the time. */
const CORES = '24'
/** A minute by default, which would be long to wait for. */
const HANG_FLOOR_S = '4'
/** Options of the small file systems. */
const SMALL = 'size=256m'
/** Between two questions to a control plane that is away. */
const ASK_AGAIN_MS = 50

/** Where its store is, and whether folders are small file systems of their own, which takes root. */
export type Ground = { kind: 'folder' } | { kind: 'small' } | { kind: 's3'; address: StoreAddress; gateway: Ceph }

export async function openWorld(ground: Ground): Promise<World> {
  const address = ground.kind === 's3' ? ground.address : null
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'orc-chaos-')))
  const state = join(folder, 'state')
  const store = join(folder, 'store')
  await Promise.all([mkdir(state), mkdir(store)])
  const unmount = ground.kind === 'small' ? [await mounted(store, SMALL), await mounted(state, SMALL)] : []
  const url = address?.url ?? pathToFileURL(store).href
  const settings: Record<string, string> = {
    ORCHESTRATE_CORES: CORES,
    ORCHESTRATE_STORE: url,
    ORCHESTRATE_HANG_FLOOR_S: HANG_FLOOR_S,
    ...(address?.endpoint ? { ORCHESTRATE_S3_ENDPOINT: address.endpoint } : {}),
    ...(address ? credentials() : {}),
  }
  const client = createClient({ kind: 'socket', path: socketPath(state, 'daemon.sock') })
  let current: Promise<Daemon> = Promise.reject(new Error('no daemon yet'))
  current.catch(() => {})
  const over = new AbortController()
  const start = (env: Record<string, string> = {}, signal?: AbortSignal): Promise<Daemon> => {
    const until = signal ? AbortSignal.any([signal, over.signal]) : over.signal
    current = spawnDaemon(state, { ...settings, ...env }, [], until)
    current.catch(() => {}) // whoever asks for it is told
    return current
  }
  const world: World = {
    folder,
    state,
    store: await openStore(address ?? { url }),
    small: ground.kind === 'small' ? { store, state } : { store: null, state: null },
    gateway: ground.kind === 's3' ? ground.gateway : null,
    book: new Book(join(folder, 'book')),
    client,
    start,
    startAnother: (args = []) => spawnDaemon(state, settings, args, over.signal),
    startStandby: async () => {
      const standby = await spawnStandby(state, settings)
      over.signal.addEventListener('abort', () => standby.process.kill('SIGKILL'))
      standby.ready.catch(() => {}) // whoever asks for it is told
      return () => {
        current = standby.ready
        return current
      }
    },
    daemon: () => current,
    redis: async () => {
      const folder = join(state, 'redis')
      const pid = Number.parseInt(await readFile(join(folder, 'redis.pid'), 'utf8').catch(() => ''), 10)
      return pid > 0 && (await isRedisOf(pid, folder)) ? pid : null
    },
    ask: async (question, signal) => {
      for (;;) {
        signal?.throwIfAborted()
        try {
          return await question(client)
        } catch (error) {
          if (!isAway(error)) throw error
          await pause(ASK_AGAIN_MS, undefined, signal ? { signal } : {})
        }
      }
    },
    cancelled: new Map(),
    damaged: new Set(),
    end: async (what) => {
      over.abort()
      await (await current.catch(() => null))?.exited
      await killAll(state)
      await (await startRedis(state).catch(() => null))?.stop()
      world.book.close()
      // One that is kept is kept whole, for as long as this machine runs.
      if (what === 'remove') for (const undo of unmount) undo()
      if (what === 'remove') await rm(folder, { recursive: true, force: true, maxRetries: 20 })
    },
  }
  return world
}

/** Nobody answers, or whoever does has lost Redis or the store for the moment. */
function isAway(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && /^(DAEMON_UNREACHABLE|ECONNRESET|DISK_FULL|(REDIS|STORE)_.*)$/.test(code)
}

const credentials = (): Record<string, string> => ({
  AWS_ACCESS_KEY_ID: process.env.AWS_ACCESS_KEY_ID ?? '',
  AWS_SECRET_ACCESS_KEY: process.env.AWS_SECRET_ACCESS_KEY ?? '',
})
