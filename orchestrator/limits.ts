/**
 * Every time-out, retry and bound of what the control plane asks of others, in one place; times in milliseconds.
 * Generous, because a laptop under load can be slow for minutes; finite, because nobody should wait for what isn't there.
 */
export const limits = {
  redis: {
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
    /** Commands of one caller under way at a time: the last of thousands would run out of time in the queue. */
    atOnce: 200,
    /** Reconnects that one command survives. */
    commandRetries: 8,
    /** Silence after a command of a consumer, which may wait for work for ten seconds, before its connection counts as dead. */
    consumerSilence: 30_000,
    /** From starting the embedded Redis until it answers; loading a large append-only file takes a while. */
    start: 60_000,
    /** For the embedded Redis to write its file and go. */
    stop: 30_000,
    /** One PING on the embedded Redis's socket. */
    ping: 5_000,
    /** How often Redis is written to, to see whether it takes it; and how long it may take to answer that before it counts as away. */
    heartbeat: 2_000,
    silence: 5_000,
    /** First pause before the embedded Redis is started once more after it ended again; doubles with each end within `forgiven`. */
    restartFirst: 250,
    restartLongest: 15_000,
    forgiven: 60_000,
    /** Pause between two looks at a socket that is about to appear, or to go. */
    poll: 10,
    /** `redis-server --version`, of each that may be used. */
    version: 30_000,
    /** How long the ids of ended attempts are kept, so that a late reservation for one is refused. */
    endedKept: 30 * 24 * 3_600_000,
  },

  queue: {
    /** Aggregates that are looked at side by side, and shards of one job that are launched so: most of it is waiting. */
    looks: 32,
    launches: 64,
    /** A look that a worker holds is given to another one this long after the last sign of life. */
    lock: 15_000,
    /** How often a worker searches for looks whose worker died. */
    stalledCheck: 5_000,
    /** First pause after a handler failed; doubles with each failure in a row. */
    retryFirst: 200,
    retryLongest: 30_000,
    /** Pause before a message that BullMQ itself could not hand over is tried again. */
    handOver: 1_000,
    /** Aggregates that are looked at side by side: most of the time a look waits for the store. */
    atOnce: 32,
    /** For workers to finish what they have in hand, at close. */
    close: 30_000,
  },

  agents: {
    /** How often an agent shows that it lives, and the control plane looks who does. */
    beat: 1_000,
    look: 1_000,
    /** Entries of one host that may wait in Redis until the control plane takes them, and bytes of a file in one of them. */
    waiting: 256,
    chunk: 64 * 1024,
    /** Pause before an agent tries again to tell what there was no room for. */
    full: 100,
    /** How long the control plane waits for something to be told before it looks whether there are other hosts. */
    listen: 1_000,
    /** How long a control plane counts as having a pool after it has last said so. */
    conducted: 30_000,
    /** For an agent to say how the ranks of an attempt are. */
    answer: 10_000,
    /** How long an agent waits for the one that had its name to count as lost. */
    taken: 120_000,
    /** After this long, what had no answer is asked again. */
    askAgain: 15_000,
    /** First pause before what failed on an agent is tried again, and the longest. */
    retryFirst: 500,
    retryLongest: 30_000,
    /** Messages that one agent has in hand: most of them are attempts whose inputs it brings. */
    messagesAtOnce: 256,
  },

  store: {
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
    /** How often a process looks what others have put into its cache of staged inputs. */
    cacheReread: 10 * 60_000,
    /** Snapshots of code that a host keeps: a few hundred kilobytes each. */
    codeBytes: 2 ** 30,
    /** What a crash left half made is swept after a day. */
    leftoverAge: 24 * 3_600_000,
  },

  control: {
    /** How often the owner of a store shows that it lives, and how long its silence must last before another may take over. */
    beat: 3_000,
    silence: 15_000,
    /** How young a heartbeat must be for its owner to act without looking whether another has taken over. */
    lease: 10_000,
    /** How much later than that a standby tries: times of a store may be whole seconds. */
    storeClock: 1_000,
    /** How often a standby looks. */
    follow: 1_000,
    /** How long the owner of a state directory has to write its pid after it took the lock. */
    ownerPid: 1_000,
  },

  slurm: {
    /** One command of Slurm's, which may try for a while itself. */
    command: 60_000,
    /** Pause between two submissions: what comes meanwhile and needs the same goes into one array. */
    submit: 250,
    /** How long nothing is asked of a Slurm that didn't answer; doubles each time. */
    silenceFirst: 1_000,
    silenceLongest: 60_000,
    /** Between two looks at a queue of which something new is expected; else the pool's own interval counts. */
    hurry: 1_000,
    /** Looks at the files of an attempt: so much apart for each attempt that is waited for, within these bounds. */
    filesEach: 20,
    filesLeast: 250,
    filesMost: 10_000,
    /** How long a batch step has to kill its ranks and leave a record, before Slurm is told to. */
    killTakes: 30_000,
  },

  daemon: {
    /** Everything that isn't over is looked at again this often, whatever message was lost. */
    sweep: 10_000,
    /** What attempts wait for that a scheduler holds back is asked so much apart for each of them: there may be hundreds. */
    queuedEach: 100,
    /** How often events are mirrored to the store. */
    mirror: 1_000,
    /** Attempts that are placed side by side, as far as asking the store and writing to it go. */
    placedAtOnce: 16,
    /** Attempts that one look places; another look goes on. */
    placedInOneLook: 200,
    /** What an attempt has to save in and go when it is asked to stop; its launcher sees to it. */
    grace: 60_000,
    /** How long after that the launcher itself, which may be frozen, is no longer waited for. */
    graceOver: 15_000,
    /** Pause after waiting for an attempt's end has failed. */
    watchRetry: 1_000,
    /** Looks at what seems to violate an invariant, after each of these: only what is there every time is no step under way. */
    invariantLooks: [1_000, 4_000],
  },

  engines: {
    /** One call of podman or docker, other than to build, to pull or to wait: half a second, where nothing else is going on. */
    container: 180_000,
    /** How often files are read that are written where the kernel doesn't tell of it: on a shared file system. */
    tail: 2_000,
  },

  client: {
    /** For the head of a daemon's answer about itself, which is quick unless it is frozen. */
    health: 30_000,
    /** For the head of any other answer: checksums of large checkpoints take their time. */
    answer: 3_600_000,
    /** For a daemon to start, and to end: a machine that is busy does nothing fast. */
    start: 120_000,
    end: 120_000,
  },
} as const

/** Pause before the `times`-th attempt to reconnect to Redis, counted from one. */
export const reconnectPause = (times: number): number => Math.min(limits.redis.reconnectPause, 25 * 2 ** times)
