import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { type Runtime, run } from '../../engines/container/runtime.ts'
import { OrchestrateError } from '../../errors.ts'
import type { BuildContext } from './build-context.ts'
import type { PipSettings } from './pip-settings.ts'

export const variants = ['cpu', 'cuda'] as const
export type Variant = (typeof variants)[number]

export type Build = {
  variant: Variant
  /** Null: what the Containerfile pins. */
  base: string | null
  mirror: string | null
  /** Debian packages that it has to have. */
  packages: string[]
  /** Where PyTorch comes from; null: from where all else comes from. */
  torchIndex: string | null
  /** For the runtime's `build`, as they were typed. */
  more: string[]
}

export type Built = {
  /** By digest: what a pool is given. */
  image: string
  tag: string
  bytes: number
  code: string
  lock: string
}

/** The command line of a build, after the runtime's own options. */
export function buildArguments(build: Build, context: BuildContext, pip: PipSettings): string[] {
  const args = {
    BASE: build.base,
    MIRROR: build.mirror,
    PACKAGES: build.packages.join(' '),
    TORCH_INDEX: build.torchIndex ?? '',
    CODE: context.code,
    LOCK: context.lock,
  }
  return [
    'build',
    ...['--file', join(context.folder, 'Containerfile'), '--target', build.variant, '--tag', tagOf(build, context)],
    ...Object.entries(args).flatMap(([name, value]) => (value === null ? [] : ['--build-arg', `${name}=${value}`])),
    ...['--secret', `id=pip,src=${pip.configuration}`, '--secret', `id=certificates,src=${pip.certificates}`],
    ...['--iidfile', context.idFile],
    ...build.more,
    context.folder,
  ]
}

/** One name for one content, so that an image which a pool names isn't left without a name by the next build. */
const tagOf = ({ variant }: Build, { name, lock, code }: BuildContext): string =>
  `localhost/orchestrate-${name.toLowerCase()}:${variant}-${lock.slice(0, 12)}-${code.slice(0, 12)}`

/** Builds, tells each step, and keeps every line in the file `log`. Throws IMAGE_NOT_BUILT. */
export async function buildImage(
  runtime: Runtime,
  build: Build,
  context: BuildContext,
  pip: PipSettings,
  { log, tell }: { log: string; tell: (step: string) => void },
): Promise<Built> {
  await follow(runtime, buildArguments(build, context, pip), log, tell)
  const id = (await readFile(context.idFile, 'utf8')).trim()
  const { stdout } = await run(runtime.program, [...runtime.options, 'image', 'inspect', id])
  const [found] = JSON.parse(stdout) as [{ Id: string; Size: number; RepoDigests: string[] | null }]
  return {
    // Docker gives digests to what came from a registry only; the id of what it built is one too.
    image: found.RepoDigests?.[0] ?? `sha256:${found.Id.replace('sha256:', '')}`,
    tag: tagOf(build, context),
    bytes: found.Size,
    code: context.code,
    lock: context.lock,
  }
}

async function follow(runtime: Runtime, args: string[], log: string, tell: (step: string) => void): Promise<void> {
  const file = createWriteStream(log)
  const child = execa(runtime.program, [...runtime.options, ...args], {
    all: true,
    buffer: false,
    reject: false,
    stdin: 'ignore',
    env: { DOCKER_BUILDKIT: '1', BUILDKIT_PROGRESS: 'plain' },
  })
  let last = ''
  for await (const line of child.iterable({ from: 'all' })) {
    file.write(`${line}\n`)
    if (/\S/.test(line) && !/^(subprocess exited|Error: (error )?building at STEP)/.test(line)) last = line.trim()
    const step = stepOf(line)
    if (step !== null) tell(step)
  }
  const { failed } = await child
  await new Promise((resolve) => file.end(resolve))
  if (failed) throw new OrchestrateError('IMAGE_NOT_BUILT', `${runtime.program} could not build it: ${last} (${log})`)
}

/** What of a build's output is worth a line on the terminal: its steps, and what takes long to download. */
export function stepOf(line: string): string | null {
  const [, podman, docker] = /^(?:\[\d+\/\d+\] )?STEP \d+\/\d+: (.+)|^#\d+ \[(.+)/.exec(line) ?? []
  if (podman !== undefined) return /^(FROM|COPY|RUN)/.test(podman) ? podman : null
  if (docker !== undefined) return docker.startsWith('internal') ? null : `[${docker}`
  return /Downloading .+ \(\d+(\.\d+)? [GM]B\)/.exec(line)?.[0] ?? null
}
