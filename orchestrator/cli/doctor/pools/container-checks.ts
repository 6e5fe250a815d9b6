import { askRuntime, type Program, programs, type Runtime, run } from '../../../engines/container/runtime.ts'
import { hostCapacity } from '../../../engines/host-capacity.ts'
import type { PoolOf } from '../../../spec/pools/pool.ts'
import { absent, aptInstall, asRoot, type Check, missing, ok } from '../check.ts'

/** Container engines, whether or not a pool wants one; then each pool's image, and whether GPUs can be given to it. */
export async function containerChecks(pools: PoolOf<'container'>[]): Promise<Check[]> {
  if (pools.length === 0) return [await couldRun()]
  return (await Promise.all(pools.map(poolChecks))).flat()
}

async function couldRun(): Promise<Check> {
  const name = 'containers'
  const asked = await Promise.all(programs.map((program) => askRuntime(program)))
  const runtime = asked.find((answer): answer is Runtime => !('problem' in answer))
  if (runtime) return ok(name, `${show(runtime)}; no pool uses it yet`)
  const found = asked.map((answer) => `${answer.program}: ${'problem' in answer ? answer.problem : 'works'}`)
  return absent(name, `no pool needs them; ${found.join('; ')}`, installLine())
}

async function poolChecks({ name, runtime: wanted, options = [], image }: PoolOf<'container'>): Promise<Check[]> {
  const title = `pool ${name}`
  const problems: string[] = []
  for (const program of wanted ? [wanted] : programs) {
    const answer = await askRuntime(program, options)
    if (!('problem' in answer))
      return [ok(title, show(answer)), await imageCheck(name, answer, image), ...(await gpuChecks(name, answer))]
    problems.push(`${program}: ${answer.problem}`)
  }
  return [missing(title, `no container engine works here: ${problems.join('; ')}`, installLine(wanted))]
}

async function imageCheck(pool: string, runtime: Runtime, image: string): Promise<Check> {
  const title = `pool ${pool}, image`
  const { failed } = await run(runtime.program, [...runtime.options, 'image', 'inspect', image])
  if (!failed) return ok(title, image)
  const line = [runtime.program, ...runtime.options, 'pull', image].join(' ')
  return absent(title, `${image} is not on this machine: it is pulled when it is first needed`, line)
}

/** GPUs go into containers by CDI with podman; Docker has an option of its own, which needs the same toolkit. */
async function gpuChecks(pool: string, { program, options }: Runtime): Promise<Check[]> {
  const { gpus } = await hostCapacity()
  if (gpus.length === 0) return []
  const title = `pool ${pool}, GPUs`
  const listed = await run('nvidia-ctk', ['cdi', 'list'])
  const knows = !listed.failed && listed.stdout.includes('nvidia.com/gpu=')
  const inDocker =
    program === 'docker' &&
    /"nvidia"/.test((await run(program, [...options, 'info', '--format', '{{json .Runtimes}}'])).stdout)
  if (knows || inDocker) return [ok(title, `${gpus.length}, ${knows ? 'by CDI' : 'by --gpus'}`)]
  const line = asRoot('nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml   # package nvidia-container-toolkit')
  return [
    missing(title, `${gpus.length} here, but none can be given to a container: no CDI device nvidia.com/gpu`, line),
  ]
}

const show = ({ program, version, rootless }: Runtime): string =>
  `${program} ${version}, ${rootless ? 'rootless' : 'as root'}`

const installLine = (wanted?: Program): string =>
  wanted === 'docker' ? aptInstall('docker.io') : aptInstall('podman', 'crun')
