import type { JobFile } from '../../protocol/job-file.ts'
import type { Identity } from './identity.ts'
import { LAUNCHER, mountsFor } from './mounts.ts'
import { networkOf } from './network.ts'
import type { Runtime } from './runtime.ts'
import type { ContainerSettings } from './settings.ts'

/** What the launcher itself may use on top of what its ranks may, before the kernel kills one of them. */
const LAUNCHER_MEMORY = 64 << 20

export type Containing = {
  settings: ContainerSettings
  runtime: Runtime
  identity: Identity
  job: JobFile
  directory: string
  name: string
  labels: Record<string, string>
  /** Variables whose values the runtime finds in its own environment: arguments can be read by everybody. */
  env: string[]
}

/** The command line that starts an attempt's container, after the runtime's own options. */
export function runArguments(containing: Containing): string[] {
  const { settings, runtime, identity, job, directory, name, labels, env } = containing
  const variables = { HOME: '/tmp', TMPDIR: '/tmp', LANG: 'C.UTF-8', ORCHESTRATE_ATTEMPT_DIR: directory }
  return [
    ...['run', '--detach', '--pull=never', `--name=${name}`, `--hostname=${job.attempt}`],
    ...Object.entries(labels).map(([label, value]) => `--label=${label}=${value}`),
    ...identity.options,
    ...['--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges'],
    ...(runtime.limits.pids ? [`--pids-limit=${settings.pids}`] : []),
    ...memoryOptions(job, runtime),
    ...(runtime.limits.cpu ? [`--cpus=${job.cores}`] : []),
    `--shm-size=${settings.shm}`,
    // A host that shuts down, or somebody's `stop`: the ranks save first.
    ...['--stop-signal=SIGTERM', `--stop-timeout=${Math.ceil(job.grace) + 5}`],
    ...networkOf(job.network ?? settings.network, job.store),
    ...gpuOptions(settings.gpus ?? (runtime.program === 'podman' ? 'cdi' : 'gpus'), job.gpus),
    ...mountsFor(job, directory).map(({ from, to, how }) => `--volume=${from}:${to}:${how}`),
    ...settings.mounts.map((mount) => `--volume=${mount}`),
    ...Object.entries(variables).map(([variable, value]) => `--env=${variable}=${value}`),
    ...env.map((variable) => `--env=${variable}`),
    ...settings.run,
    ...[`--entrypoint=${settings.python}`, settings.image, '-I', '-S', `${LAUNCHER}/__main__.py`, directory],
  ]
}

/** A second fence behind the launcher's own look: what grows faster than that looks is stopped by the kernel. No swap. */
function memoryOptions({ memory }: JobFile, { limits }: Runtime): string[] {
  if (memory === null || !limits.memory) return []
  return [`--memory=${memory + LAUNCHER_MEMORY}b`, `--memory-swap=${memory + LAUNCHER_MEMORY}b`]
}

/** By UUID: the numbers of GPUs change from one boot to the next. */
function gpuOptions(how: 'cdi' | 'gpus', gpus: string[]): string[] {
  if (gpus.length === 0) return []
  return how === 'cdi' ? gpus.map((uuid) => `--device=nvidia.com/gpu=${uuid}`) : [`--gpus="device=${gpus.join(',')}"`]
}
