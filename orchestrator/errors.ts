type Entry = { exit: 1 | 2 | 3 | 4; hint: string }

/** Every error that a user can meet: a stable code, what happened, what to do. Exit codes: 1 it went wrong, 2 input, 3 gate, 4 environment. */
const errors = {
  SPEC_INVALID: { exit: 2, hint: 'mend the places above; `orchestrate schema` prints the JSON Schema for your editor' },
  INPUT_NOT_FOUND: { exit: 2, hint: 'check the path' },
  ARGUMENT_INVALID: { exit: 2, hint: 'see --help' },
  WORKER_INVALID: { exit: 2, hint: 'a worker folder holds worker.json; see CONTRIBUTING.md, "add a stage"' },
  RUN_NOT_FOUND: { exit: 2, hint: '`orchestrate status` lists the runs' },
  REPORT_REFUSED: { exit: 2, hint: 'finish or leave out what is named above; --partial shows it marked instead' },
  JOB_NOT_FOUND: { exit: 2, hint: '`orchestrate status <run>` lists the jobs of a run' },
  JOB_AMBIGUOUS: { exit: 2, hint: 'name the cell too: stage[cell], or give more digits of the key' },
  CACHE_ABSENT: { exit: 2, hint: '`orchestrate cache ls` lists what is cached' },
  CACHE_NEEDED: { exit: 2, hint: 'wait for the run, or cancel it' },
  JOB_FILE_INVALID: { exit: 4, hint: 'somebody changed it after the launch; another attempt has one of its own' },
  ATTEMPT_NOT_FOUND: { exit: 2, hint: '`orchestrate why <job>` lists the attempts of a job' },
  POOLS_INVALID: {
    exit: 4,
    hint: 'mend the file; `orchestrate schema --pools` prints its JSON Schema for your editor',
  },
  POOL_UNKNOWN: { exit: 4, hint: 'put it back into pools.yaml, or cancel the runs that want it' },
  STORE_UNWRITABLE: { exit: 4, hint: 'check the path or bucket, its permissions, and the free space' },
  STORE_NOT_CONDITIONAL: {
    exit: 4,
    hint: 'use a store that honours If-None-Match: without it two attempts could both win',
  },
  STORE_UNREACHABLE: { exit: 4, hint: 'check the endpoint and the network' },
  STORE_DENIED: { exit: 4, hint: 'check the credentials and the bucket policy' },
  STORE_FULL: { exit: 4, hint: 'free some space; what was committed is unharmed' },
  STORE_OWNED: {
    exit: 4,
    hint: 'one store prefix has one control plane: stop the other one, wait behind it with `orchestrate serve --standby`, or choose another prefix',
  },
  CONTROL_LOST: {
    exit: 4,
    hint: 'ask the other one; `orchestrate serve --standby` waits behind it',
  },
  STORE_ADDRESS_INVALID: { exit: 2, hint: 'write file:///absolute/folder or s3://bucket/prefix' },
  STORE_CORRUPT: { exit: 4, hint: 'the object named above is not what was written there: restore it, or delete it' },
  KEY_INVALID: {
    exit: 2,
    hint: 'rename it: a store key has no empty part, no `..`, no control character, no `#1` at its end',
  },
  OBJECT_MISSING: { exit: 4, hint: 'it was deleted from the store: run the job again with --no-cache' },
  OBJECT_DAMAGED: {
    exit: 4,
    hint: 'its content changed in the store: restore it, or run the job again with --no-cache',
  },
  CHECKPOINT_BROKEN: {
    exit: 4,
    hint: 'a resume passes it over and takes the one before it; restore the file, or run the job again with --no-cache',
  },
  OUTPUT_MISSING: { exit: 2, hint: 'the stage must create the folder of each output that it declares' },
  OUTPUT_INVALID: { exit: 2, hint: 'an output holds plain files and folders only' },
  OUTPUT_CONFLICT: { exit: 2, hint: 'let each shard name its files after itself' },
  POOL_UNREACHABLE: {
    exit: 4,
    hint: 'set REDIS_URL to one that all hosts of the pool reach, over TLS and with a password',
  },
  AGENT_UNCONNECTED: {
    exit: 2,
    hint: 'give it the REDIS_URL and ORCHESTRATE_STORE of the control plane, with credentials of its own',
  },
  AGENT_STORE_OTHER: {
    exit: 4,
    hint: 'use the store of the control plane, s3://bucket/prefix or a folder that both hosts see at the same path, and start the control plane first',
  },
  AGENT_NAME_TAKEN: { exit: 4, hint: 'stop the other one, or choose another name with --name' },
  OUTPUT_LOST: { exit: 4, hint: 'its host is away: the job is placed again, and resumes from its last checkpoint' },
  FENCE_LOST: { exit: 4, hint: 'a newer attempt has taken the place of this one: its result counts' },
  REDIS_MISSING: { exit: 4, hint: 'run `npm run setup`, or set REDIS_URL' },
  REDIS_UNREACHABLE: { exit: 4, hint: 'check REDIS_URL and that Redis runs' },
  REDIS_FAILED: {
    exit: 4,
    hint: 'redis/redis.log in the state directory says more; check its free space and permissions',
  },
  REDIS_DENIED: { exit: 4, hint: 'check the user and password in REDIS_URL, and what they may do' },
  REDIS_UNTRUSTED: {
    exit: 4,
    hint: 'set ORCHESTRATE_REDIS_CA to the certificate of the authority that signed it; where it asks for one of yours, ORCHESTRATE_REDIS_CERT and ORCHESTRATE_REDIS_KEY',
  },
  REDIS_UNWRITABLE: {
    exit: 4,
    hint: 'give it memory (maxmemory) and disk to spare, and use a primary, not a replica; attempts go on, and all else as soon as it takes writes',
  },
  REDIS_EVICTS: { exit: 4, hint: 'set maxmemory-policy noeviction: queued work would be lost' },
  REDIS_TOO_OLD: { exit: 4, hint: 'use Redis 6.2 or newer; `npm run setup` brings one' },
  REDIS_RESTARTED: {
    exit: 4,
    hint: 'wait a moment, then ask again; `orchestrate recover` shows what was found and what was put back',
  },
  STORE_EMPTY: { exit: 4, hint: 'check ORCHESTRATE_STORE: there is nothing in it that a ledger could be rebuilt from' },
  PYTHON_MISSING: { exit: 4, hint: 'run `npm run setup`' },
  PYTHON_INCOMPLETE: {
    exit: 4,
    hint: 'run `npm run setup`, or set ORCHESTRATE_PYTHON to an interpreter that has them',
  },
  LAUNCH_FAILED: { exit: 4, hint: 'launcher.log in the attempt directory says more' },
  CONTAINER_ENGINE_MISSING: {
    exit: 4,
    hint: 'install podman (Debian: apt-get install podman), or Docker and start its daemon; `orchestrate doctor` asks again',
  },
  CONTAINER_REFUSED: { exit: 4, hint: 'check `options`, `run` and `python` of the pool in pools.yaml' },
  IMAGE_MISSING: {
    exit: 4,
    hint: '`orchestrate image build` builds it and prints the line for pools.yaml; an image of a registry is named name@sha256:…',
  },
  IMAGE_NOT_PULLED: {
    exit: 4,
    hint: 'check the name, the network and, for a private registry, `podman login` or `docker login`',
  },
  IMAGE_NOT_BUILT: { exit: 4, hint: 'the log named above has every line of the build' },
  DAEMON_UNREACHABLE: { exit: 4, hint: 'see the daemon log named above; `orchestrate doctor` checks the machine' },
  DAEMON_RUNNING: { exit: 4, hint: '`orchestrate stop` ends it; `orchestrate serve --standby` waits behind it' },
  SLURM_MISSING: {
    exit: 4,
    hint: 'start the daemon on a host of the cluster that has Slurm’s commands (apt-get install slurm-client)',
  },
  SLURM_UNREACHABLE: {
    exit: 4,
    hint: 'attempts go on, and all else as soon as it answers; `scontrol ping` asks it, and conf in pools.yaml names another slurm.conf',
  },
  SLURM_BUSY: { exit: 4, hint: 'it is tried again: Slurm takes no more jobs of this user for now' },
  SLURM_REFUSED: {
    exit: 2,
    hint: 'mend the pool in pools.yaml, or the resources of the stage; `sinfo` lists partitions, `sacctmgr show assoc user=$USER` accounts and QOS',
  },
  POOL_DIRECTORY_UNUSABLE: {
    exit: 4,
    hint: 'let `directory` of the pool name a folder that this host and all nodes of the cluster share, and that you may write to',
  },
  FLOCK_MISSING: { exit: 4, hint: 'apt-get install util-linux' },
  HOST_NOT_LOOPBACK: {
    exit: 2,
    hint: 'listen on 127.0.0.1, and reach it from elsewhere by `ssh -L 7420:127.0.0.1:7420 <this host>`, or by a proxy that adds TLS',
  },
  TOKEN_MISSING: {
    exit: 4,
    hint: 'set ORCHESTRATE_TOKEN; `orchestrate token create` on the server’s machine makes one, and shows it once',
  },
  TOKEN_INVALID: {
    exit: 4,
    hint: 'check ORCHESTRATE_TOKEN; `orchestrate token create` on the server’s machine makes another',
  },
  TOKEN_FORBIDDEN: {
    exit: 4,
    hint: 'ask whoever runs the server for a token that names it: `orchestrate token create --help`',
  },
  PORT_IN_USE: { exit: 4, hint: 'choose another with --port' },
  STATE_UNWRITABLE: { exit: 4, hint: 'choose another state directory with ORCHESTRATE_STATE' },
  DISK_FULL: { exit: 4, hint: 'free some space: what waits for it goes on by itself, from its last checkpoint' },
  SECRET_MISSING: {
    exit: 4,
    hint: 'set it in the environment, then `orchestrate run` or `orchestrate resume`: both send it',
  },
  CERTIFY_NOTHING: {
    exit: 2,
    hint: '`orchestrate run <file> --no-cache` runs every job on this machine; then certify that run',
  },
  CERTIFY_TOO_SHORT: { exit: 2, hint: 'give it more steps for the certification: --with steps=200' },
  CERTIFY_FAILED: {
    exit: 1,
    hint: 'the same attempt in front of you: `orchestrate debug <attempt>`, as `orchestrate why <job>` names it',
  },
  CERTIFY_DIFFERS: {
    exit: 1,
    hint: 'certificate.json beside the run has every comparison; --keep leaves both twins to look at',
  },
} as const satisfies Record<string, Entry>

export type ErrorCode = keyof typeof errors

export const errorCodes: Readonly<Record<ErrorCode, Entry>> = errors

export class OrchestrateError extends Error {
  readonly code: ErrorCode
  readonly hint: string
  readonly exit: number

  /** `message` says what was found and what was expected, with file:line:column where there is one. */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'OrchestrateError'
    this.code = code
    this.hint = errors[code].hint
    this.exit = errors[code].exit
  }
}
