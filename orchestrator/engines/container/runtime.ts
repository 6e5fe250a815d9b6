import { execa, type Options } from 'execa'
import { OrchestrateError } from '../../errors.ts'
import { limits } from '../../limits.ts'

export const programs = ['podman', 'docker'] as const
export type Program = (typeof programs)[number]

/** A container runtime that was asked, and answered. */
export type Runtime = {
  program: Program
  /** Come before every subcommand: what this host needs and another doesn't. */
  options: string[]
  version: string
  /** Whether its containers belong to this user, not to root. */
  rootless: boolean
  /** What it can hold a container to: without a cgroup controller of the host it can't. */
  limits: { memory: boolean; pids: boolean; cpu: boolean }
}

/** What a program said when it was asked whether it works. */
export type Asked = Runtime | { program: Program; problem: string }

/** The first runtime that works, of both or of the one that is wanted. Throws CONTAINER_ENGINE_MISSING. */
export async function findRuntime(wanted: Program | null = null, options: string[] = []): Promise<Runtime> {
  const problems: string[] = []
  for (const program of wanted === null ? programs : [wanted]) {
    const asked = await askRuntime(program, options)
    if (!('problem' in asked)) return asked
    problems.push(`${program}: ${asked.problem}`)
  }
  throw new OrchestrateError('CONTAINER_ENGINE_MISSING', `no container engine works here: ${problems.join('; ')}`)
}

/** A command line that is installed says nothing yet: Docker's needs a daemon, podman's a storage that it may use. */
export async function askRuntime(program: Program, options: string[] = []): Promise<Asked> {
  const { failed, stdout, stderr, installed } = await run(program, [...options, 'info', '--format', '{{json .}}'])
  if (!installed) return { program, problem: 'not installed' }
  const info = parse(stdout)
  if (failed || info === null) return { program, problem: lastLine(stderr) || 'no answer' }
  // Docker's command line ends with 0 and an empty version when its daemon doesn't answer.
  const version = info.version?.Version ?? info.ServerVersion
  if (!version) return { program, problem: info.ServerErrors?.[0] ?? 'its engine does not answer' }
  const rootless =
    info.host?.security?.rootless ?? info.SecurityOptions?.some((option) => option.includes('rootless')) ?? false
  const has = (controller: string, docker: boolean | undefined): boolean =>
    docker ?? info.host?.cgroupControllers?.includes(controller) ?? false
  return {
    program,
    options,
    version,
    rootless,
    limits: {
      memory: has('memory', info.MemoryLimit),
      pids: has('pids', info.PidsLimit),
      cpu: has('cpu', info.CpuCfsQuota),
    },
  }
}

type Info = {
  version?: { Version?: string }
  host?: { security?: { rootless?: boolean }; cgroupControllers?: string[] }
  ServerVersion?: string
  MemoryLimit?: boolean
  PidsLimit?: boolean
  CpuCfsQuota?: boolean
  ServerErrors?: string[]
  SecurityOptions?: string[]
}

function parse(text: string): Info | null {
  try {
    return JSON.parse(text) as Info
  } catch {
    return null
  }
}

/** One call of a runtime's command line; how it went is in the result, nothing is thrown. */
export async function run(program: string, args: string[], options: Options = {}) {
  const timeout = limits.engines.container
  const result = await execa(program, args, { reject: false, stdin: 'ignore', timeout, ...options })
  const late = result.timedOut ? `no answer within ${timeout / 1000} s` : null
  return {
    failed: result.failed,
    installed: result.code !== 'ENOENT',
    stdout: String(result.stdout ?? ''),
    stderr: late ?? String(result.stderr ?? result.shortMessage ?? ''),
  }
}

export const lastLine = (text: string): string => text.trim().split('\n').at(-1)?.trim() ?? ''
