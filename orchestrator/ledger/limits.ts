/**
 * Every bound of the control plane's dealings with Redis, in milliseconds unless it says otherwise. Generous, because a
 * laptop under load can be slow for minutes; finite, because nobody should wait for a Redis that isn't there.
 */
export const limits = {
  /** One attempt to connect: covers a network that swallows packets. */
  connect: 5_000,
  /** All attempts to connect for the first time, together. */
  firstConnect: 12_000,
  /** Attempts to connect for the first time: a refused connection is retried, as a server may just be starting. */
  firstConnectAttempts: 4,
  /** Longest wait between two attempts to reconnect. */
  reconnectPause: 1_000,
  /** One command, its retries over reconnects included. */
  command: 20_000,
  /** Reconnects that one command survives. */
  commandRetries: 8,
  /** From starting the embedded Redis until it answers; loading a large append-only file takes a while. */
  start: 60_000,
  /** For the embedded Redis to write its file and go. */
  stop: 30_000,
  /** One PING on the embedded Redis's socket. */
  ping: 5_000,
  /** How often Redis is written to, to see whether it takes it; and how long it may take to answer that before it counts as away. */
  heartbeat: 2_000,
  silence: 5_000,
  /** First pause before the embedded Redis is started once more after it ended again; doubles with each end within a minute. */
  restartFirst: 250,
  restartLongest: 15_000,
  /** Pause between two looks at a socket that is about to appear, or to go. */
  poll: 10,
  /** A look that a worker holds is given to another one this long after the last sign of life. */
  lock: 15_000,
  /** How often a worker searches for looks whose worker died. */
  stalledCheck: 5_000,
  /** First pause after a handler failed; doubles with each failure in a row. */
  retryFirst: 200,
  retryLongest: 30_000,
  /** For workers to finish what they have in hand, at close. */
  close: 30_000,
  /** How long the ids of ended attempts are kept, so that a late reservation for one is refused. */
  endedKept: 30 * 24 * 3_600_000,
} as const

/** Pause before the `times`-th attempt to reconnect, counted from one. */
export const reconnectPause = (times: number): number => Math.min(limits.reconnectPause, 25 * 2 ** times)
