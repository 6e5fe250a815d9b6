import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { type Program, type Runtime, run } from '../../engines/container/runtime.ts'
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
  /** Makes the environment anew, whatever there is. */
  fresh: boolean
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

type Told = { log: string; tell: (step: string) => void }

/**
 * Builds an image in two steps: the environment, unless there is one that was made with the same, and the code on top.
 * Tells each step, and keeps every line in the file `log`. Throws IMAGE_NOT_BUILT.
 */
export async function buildImage(
  runtime: Runtime,
  build: Build,
  context: BuildContext,
  pip: PipSettings,
  told: Told,
): Promise<Built> {
  const environment = environmentTag(build, context)
  if (build.fresh || (await inspect(runtime, environment)) === null)
    await follow(runtime, environmentArguments(build, context, pip), told)
  else told.tell(`${environment} is there, made from the same lock file: only the code is new`)
  await follow(runtime, codeArguments(build, context, runtime.program), told)
  const found = await inspect(runtime, (await readFile(context.idFile, 'utf8')).trim())
  if (found === null) throw new OrchestrateError('IMAGE_NOT_BUILT', `${runtime.program} has lost what it built`)
  return {
    // Docker gives digests to what came from a registry only; the id of what it built is one too.
    image: found.RepoDigests?.[0] ?? `sha256:${found.Id.replace('sha256:', '')}`,
    tag: codeTag(build, context),
    bytes: found.Size,
    code: context.code,
    lock: context.lock,
  }
}

/** The command line for an environment, after the runtime's own options. */
export function environmentArguments(build: Build, context: BuildContext, pip: PipSettings): string[] {
  const { variant, fresh, more } = build
  return [
    ...['build', '--file', join(context.folder, 'Containerfile'), '--target', variant],
    ...['--tag', environmentTag(build, context)],
    ...Object.entries({ ...argumentsOf(build), LOCK: context.lock }).flatMap(([name, value]) =>
      value === null ? [] : ['--build-arg', `${name}=${value}`],
    ),
    ...['--secret', `id=pip,src=${pip.configuration}`, '--secret', `id=certificates,src=${pip.certificates}`],
    ...(fresh ? ['--no-cache'] : []),
    ...more,
    context.folder,
  ]
}

export function codeArguments(build: Build, context: BuildContext, program: Program): string[] {
  return [
    ...['build', '--file', join(context.folder, 'Containerfile.code'), '--tag', codeTag(build, context)],
    ...['--build-arg', `ENVIRONMENT=${environmentTag(build, context)}`, '--build-arg', `CODE=${context.code}`],
    ...(program === 'podman' ? ['--layers=false'] : []), // else each line is a layer, which takes longer than all it does
    ...['--iidfile', context.idFile, ...build.more, context.folder],
  ]
}

const argumentsOf = ({ base, mirror, packages, torchIndex }: Build): Record<string, string | null> => ({
  BASE: base,
  MIRROR: mirror,
  PACKAGES: packages.join(' '),
  TORCH_INDEX: torchIndex ?? '',
})

/** The same name is the same content, so that it isn't made twice. */
function environmentTag(build: Build, { name, recipe }: BuildContext): string {
  const made = createHash('sha256')
    .update(JSON.stringify([recipe, argumentsOf(build)]))
    .digest('hex')
  return `localhost/orchestrate-${name.toLowerCase()}:${build.variant}-${made.slice(0, 12)}`
}

/** One name for one content, so that an image which a pool names isn't left without a name by the next build. */
const codeTag = (build: Build, context: BuildContext): string =>
  `${environmentTag(build, context)}-${context.code.slice(0, 12)}`

type Found = { Id: string; Size: number; RepoDigests: string[] | null }

async function inspect({ program, options }: Runtime, image: string): Promise<Found | null> {
  const { failed, stdout } = await run(program, [...options, 'image', 'inspect', image])
  return failed ? null : ((JSON.parse(stdout) as Found[])[0] ?? null)
}

async function follow(runtime: Runtime, args: string[], { log, tell }: Told): Promise<void> {
  const file = createWriteStream(log, { flags: 'a' })
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
