import { join } from 'node:path'

/** Where a host, or hosts that share a file system, keep what attempts need. Absolute paths, as those hosts see them. */
export type HostFolders = {
  /** Snapshots of code, by digest. */
  code: string
  /** Staged outputs of other jobs, by digest. */
  cache: string
  /** What is read of streamed inputs, for all attempts together, and bytes at most. */
  streams: { path: string; bytes: number }
  /** Curves of jobs. */
  metrics: string
  /** Interpreter for commands that begin with `python`. */
  python: string
}

export function hostFolders(folder: string, host: { python: string; streamCache: number }): HostFolders {
  return {
    code: join(folder, 'code'),
    cache: join(folder, 'cache'),
    streams: { path: join(folder, 'streams'), bytes: host.streamCache },
    metrics: join(folder, 'job-metrics'),
    python: host.python,
  }
}
