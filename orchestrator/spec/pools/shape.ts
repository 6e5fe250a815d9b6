import { z } from 'zod'
import { durationPattern, sizePattern } from '../units.ts'

/**
 * The shape of `pools.yaml`. As in the pipeline file: each `error` is what was expected, ready for "expected …,
 * found …"; each description is what an editor shows.
 */

const nameText = 'a name of letters, digits, - and _ that starts with a letter'
const PoolName = z.string({ error: nameText }).regex(/^[A-Za-z][A-Za-z0-9_-]*$/, { error: nameText })
const text = (error: string) => z.string({ error }).min(1, { error })
const folder = (error: string) => z.string({ error }).regex(/^\//, { error })
const count = (error = 'a whole number ≥ 1') => z.int({ error }).min(1, { error })
const duration = z
  .string({ error: 'a duration such as 10s' })
  .regex(durationPattern, { error: 'a duration such as 10s' })
const size = z.string({ error: 'a size such as 8GiB' }).regex(sizePattern, { error: 'a size such as 8GiB' })
const words = z.array(text('text'), { error: 'a list of arguments' })

const gpusText = 'an option of sbatch with {n} for how many'
const digestText = 'an image by its digest, name@sha256:… or sha256:…'
/** A tag says something else tomorrow. */
const digest = z.string({ error: digestText }).regex(/^([^@\s]+@)?sha256:[0-9a-f]{64}$/, { error: digestText })
const mountText = 'a mount, /folder:/folder or /folder:/folder:ro'
const mount = z.string({ error: mountText }).regex(/^\/[^:]*:\/[^:]*(:(ro|rw))?$/, { error: mountText })

const Container = z.strictObject(
  {
    engine: z.literal('container').describe('Containers on this machine, run by podman or docker'),
    image: digest.describe('Image that the ranks run in, by digest; `orchestrate image build` prints it'),
    runtime: z
      .enum(['podman', 'docker'], { error: "'podman' or 'docker'" })
      .optional()
      .describe('Default: whichever works'),
    options: words.optional().describe('Global options of podman or docker, before the command: [--runtime, crun]'),
    run: words.optional().describe('More options of `run`'),
    network: z
      .enum(['store', 'host', 'none'], { error: "'store', 'host' or 'none'" })
      .optional()
      .describe('What attempts may reach: the object store, all that this machine can, or nothing. Default: store'),
    shm: size.optional().describe('Shared memory, which data loaders need. Default: 8GiB'),
    pids: count().optional().describe('Most processes and threads of an attempt. Default: 4096'),
    python: text('an interpreter in the image').optional().describe('Interpreter in the image. Default: python3'),
    mounts: z
      .array(mount, { error: 'a list of mounts' })
      .optional()
      .describe('Folders of this machine that every attempt sees, besides its own, its code and its inputs'),
    gpus: z
      .enum(['cdi', 'gpus'], { error: "'cdi' or 'gpus'" })
      .optional()
      .describe("How GPUs are given: by CDI, or by Docker's --gpus. Default: cdi with podman, gpus with docker"),
  },
  { error: 'a container pool' },
)

const Slurm = z.strictObject(
  {
    engine: z.literal('slurm').describe('A Slurm cluster: its scheduler places and holds gangs across nodes'),
    directory: folder('an absolute folder').describe('Folder on the file system that this machine and all nodes share'),
    python: text('an interpreter on the nodes')
      .optional()
      .describe("Interpreter for the launcher and for workers, on the nodes. Default: this machine's"),
    conf: folder('an absolute path').optional().describe('slurm.conf, where SLURM_CONF is not set already'),
    jobs: count().optional().describe('Most jobs submitted at once. Default: 500'),
    partition: text('a partition').optional(),
    account: text('an account').optional(),
    qos: text('a quality of service').optional(),
    reservation: text('a reservation').optional(),
    constraint: text('a constraint').optional().describe('Features that nodes must have'),
    exclusive: z.boolean({ error: 'true or false' }).optional().describe('Whole nodes. Default: false'),
    gpus: z
      .string({ error: gpusText })
      .regex(/^--.*\{n\}/, { error: gpusText })
      .optional()
      .describe('How GPUs of a node are asked for, such as --gres=gpu:h100:{n}. Default: --gpus-per-node={n}'),
    time: duration.optional().describe('Time limit of stages that name none. Default: the partition’s'),
    extra: words.optional().describe('More options of sbatch'),
    container: z
      .strictObject(
        {
          kind: z.enum(['pyxis', 'apptainer'], { error: "'pyxis' or 'apptainer'" }),
          image: text('an image'),
          mounts: z.array(text('a mount'), { error: 'a list of mounts' }).optional(),
          extra: words.optional(),
        },
        { error: 'a map with kind and image' },
      )
      .optional()
      .describe('Runs the ranks in a container'),
    preflight: z
      .union([z.enum(['nodes', 'off']), z.strictObject({ ranks: words.min(1) })], {
        error: "'nodes', 'off' or { ranks: [a command] }",
      })
      .optional()
      .describe(
        'Check of the nodes before each gang. ranks: also a command that each rank runs as it would run its own, such as a small all-reduce. Default: nodes',
      ),
    warn: duration.optional().describe('How long before its time limit an attempt is asked to save. Default: 120s'),
    poll: duration.optional().describe('How often squeue is asked. Default: 10s'),
  },
  { error: 'a Slurm pool' },
)

const Agents = z.strictObject(
  {
    engine: z.literal('agents').describe('Hosts on which `orchestrate agent --pool NAME` runs'),
    silence: duration.optional().describe('Silence after which a host counts as lost. Default: 30s'),
  },
  { error: 'an agents pool' },
)

const Pool = z.discriminatedUnion('engine', [Container, Slurm, Agents], {
  error: "a pool with engine 'container', 'slurm' or 'agents'",
})
export type PoolText = z.infer<typeof Pool>

export const PoolsShape = z
  .strictObject(
    {
      pools: z
        .record(PoolName, Pool, { error: 'a map of pools' })
        .describe("Places with capacity, by name; 'local', this machine's processes, is always there"),
    },
    { error: 'a map with pools' },
  )
  .describe('The pools of an orchestrate daemon')

/** JSON Schema (2020-12) of `pools.yaml`, for editors. */
export function poolsJsonSchema(): Record<string, unknown> {
  return { title: 'orchestrate pools', ...z.toJSONSchema(PoolsShape, { io: 'input' }) }
}
