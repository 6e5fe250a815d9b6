/** Every time-out, retry and bound of the store, in one place. Times in milliseconds. */
export const limits = {
  /** Tries of one S3 request, and of one download that breaks off in the middle. */
  attempts: 4,
  connectTimeout: 5_000,
  /** Silence on a connection before the request is tried again. */
  idleTimeout: 20_000,
  /** From the first byte sent to the first received; a part of a large upload must fit in. */
  requestTimeout: 120_000,
  /** Tries of a conditional write that met another one under way (409). */
  conflicts: 20,
  conflictPause: 25,
  /** S3 allows 10,000 parts; they grow for files that would need more. */
  partBytes: 8 * 1024 * 1024,
  maxParts: 9_000,
  partsAtOnce: 4,
  /** Objects read or written side by side by one caller. */
  objectsAtOnce: 8,
  /** What a crash left half made is swept after a day. */
  leftoverAge: 24 * 3_600_000,
  /** How often the owner of a store shows that it lives, and how long its silence must last before another may take over. */
  beat: 3_000,
  silence: 15_000,
  /** How young a heartbeat must be for its owner to act without looking whether another has taken over. */
  lease: 10_000,
  /** How much later than that a standby tries: times of a store may be whole seconds. */
  storeClock: 1_000,
  /** How often a standby looks. */
  follow: 1_000,
} as const
