import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ContainerSettings } from '../../orchestrator/engines/container/settings.ts'

/** Options that let podman work without systemd, in a container or a small virtual machine. */
export const podmanOptions = ['--runtime=runc', '--cgroup-manager=cgroupfs', '--events-backend=file']
export const podmanRun = ['--ulimit=nofile=4096:4096', '--ulimit=nproc=4096:4096']
export const podmanBuild = ['--isolation=chroot', '--network=host']

/** What containers need that this machine lacks, as a sentence, or null. */
export const missing = (): string | null => {
  const lacking = ['podman', 'runc', 'mmdebstrap'].filter(
    (name) => spawnSync('sh', ['-c', `command -v ${name}`], { env }).status !== 0,
  )
  return lacking.length > 0 ? `${lacking.join(', ')} not installed` : null
}

// Debian keeps what mmdebstrap calls where only root looks by default.
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` }
const packages = 'base-files,coreutils,dash,libc-bin,python3,python3-venv'
const name = `localhost/orchestrate-test-base:${createHash('sha256').update(packages).digest('hex').slice(0, 12)}`

/**
 * A small Debian with Python, made from its packages without running any of their scripts, which takes 5 s instead of 45.
 * Made once for a machine, whichever tests want it at the same time. Returns its name and its name by digest.
 */
export function testBase(): { name: string; digest: string } {
  const made = `podman image exists ${name} || {
    mmdebstrap --quiet --variant=extract --include=${packages} bookworm "$1/base.tar" && podman import --quiet "$1/base.tar" ${name}
  }`
  const scratch = mkdtempSync(join(tmpdir(), 'orchestrate-base-'))
  try {
    const lock = join(tmpdir(), 'orchestrate-test-base.lock')
    execFileSync('flock', [lock, 'sh', '-c', made, 'sh', scratch], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  } finally {
    rmSync(scratch, { recursive: true })
  }
  const digest = execFileSync('podman', ['image', 'inspect', '--format', '{{index .RepoDigests 0}}', name], {
    encoding: 'utf8',
  })
  return { name, digest: digest.trim() }
}

/** A container pool of this machine, as the engine wants it. */
export const testSettings = (patch: Partial<ContainerSettings> = {}): ContainerSettings => ({
  name: 'boxes',
  image: testBase().digest,
  runtime: 'podman',
  options: podmanOptions,
  run: podmanRun,
  network: 'store',
  gpus: null,
  mounts: [],
  shm: 64 << 20,
  pids: 512,
  python: 'python3',
  ...patch,
})

/** Names of containers of any state whose name holds the text. */
export const containersOf = (text: string): string[] =>
  execFileSync('podman', [...podmanOptions, 'ps', '--all', `--filter=name=${text}`, '--format={{.Names}}'], {
    encoding: 'utf8',
  })
    .split('\n')
    .filter(Boolean)
