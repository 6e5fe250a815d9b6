import { z } from 'zod'
import { baseName, baseText } from './extend.ts'
import { networks } from './pipeline.ts'
import { durationPattern, hangPattern, sizePattern, stepsPattern } from './units.ts'

/**
 * The shape of a pipeline file. Each `error` is what was expected there, ready for "expected …, found …"; each
 * description is what an editor shows. Where a variable may stand, text with `${` passes: it is looked at again
 * when the variables of a cell are filled in.
 */

export const namePattern = /^[A-Za-z][A-Za-z0-9_-]*$/
const nameText = 'a name of letters, digits, - and _ that starts with a letter'
const Name = z.string({ error: nameText }).regex(namePattern, { error: nameText })

const text = (error: string) => z.string({ error }).min(1, { error })
const map = <S extends z.ZodType>(values: S, error: string) => z.record(z.string(), values, { error })
const named = <S extends z.ZodType>(values: S, error: string) => z.record(Name, values, { error })

const orVariable = <S extends z.ZodType>(schema: S, error: string) =>
  z.union([schema, z.string({ error }).regex(/\$\{/, { error })], { error })
const count = (least: number, error = `a whole number ≥ ${least}`) =>
  orVariable(z.int({ error }).min(least, { error }), error)
const unit = (pattern: RegExp, error: string) => orVariable(z.string({ error }).regex(pattern, { error }), error)

export const durationText = 'a duration such as 24h, 30m or 90s'
export const hangText = 'a duration such as 10m, or `off`'
export const sizeText = 'a size such as 400GiB'
export const stepsText = 'a number of steps such as `100 steps`'

const Resources = z.strictObject(
  {
    nodes: count(1).optional().describe('Machines that the stage needs at the same time. Default: 1'),
    ranks: count(1).optional().describe('Processes in all. Default: one per GPU, or one per node without GPUs'),
    gpus: count(0).optional().describe('GPUs on each node. Default: 0'),
    cores: count(1).optional().describe('CPU cores on each node. Default: one per rank'),
    memory: unit(sizePattern, sizeText)
      .nullish()
      .describe(
        'Memory on each node, such as 400GiB, for all ranks together; an attempt that uses more is ended. Default: no limit',
      ),
    time: unit(durationPattern, durationText)
      .nullish()
      .describe('Longest time that one attempt may take, such as 24h. Default: no limit'),
  },
  { error: 'a map of resources' },
)

const networkText = "'store', 'none' or 'host'"

const modeText = "'min' or 'max'"
const Best = z.strictObject(
  {
    metric: text('the name of a metric').describe('A metric that the stage reports while it trains, such as loss'),
    mode: orVariable(z.enum(['min', 'max'], { error: modeText }), modeText)
      .optional()
      .describe('Whether less is better (min) or more (max). Default: min'),
  },
  { error: 'a map with metric and mode' },
)

const keepText = 'a whole number ≥ 1, or a map with last, every and best'
const Keep = z.union(
  [
    count(1, keepText),
    z.strictObject(
      {
        last: count(1).optional().describe('How many of the newest to keep. Default: 2'),
        every: unit(stepsPattern, stepsText)
          .nullish()
          .describe('Also keep those at multiples of so many steps, such as `10000 steps`'),
        best: Best.nullish().describe('Also keep the one that is best by a metric'),
      },
      { error: keepText },
    ),
  ],
  { error: keepText },
)

const Checkpoint = z.strictObject(
  {
    every: unit(stepsPattern, stepsText).nullish().describe('How often to save, such as `500 steps`'),
    keep: Keep.optional().describe(
      'Which checkpoints to keep: how many of the newest, or a map with last, every and best. Default: 2',
    ),
  },
  { error: 'a map with every and keep' },
)

const Retry = z.strictObject(
  {
    crashes: count(1).optional().describe('Crashes and hangs before the job fails. Default: 3'),
    backoff: unit(durationPattern, durationText)
      .optional()
      .describe('Pause after the first crash, such as 5s; doubles with each further one. Default: 5s'),
  },
  { error: 'a map with crashes and backoff' },
)

const inputText = '`stage.output`, `data.name`, or null for an input that is cut off'
const streamText = 'a list of names of inputs'

export const StageShape = z
  .strictObject(
    {
      entry: text('the name of an entry of the worker').describe('Entry point of the worker package'),
      inputs: map(
        z.union([z.string({ error: inputText }), z.null({ error: inputText })], { error: inputText }),
        `a map from the entry's inputs to ${inputText}`,
      )
        .optional()
        .describe('Where each input comes from: `stage.output`, or `data.name` for a source under `data:`'),
      stream: z
        .array(z.string({ error: streamText }), { error: streamText })
        .optional()
        .describe(
          'Inputs that are read in place while the stage runs, instead of being copied to the host first; never part of the key. ' +
            'Data at an address such as s3://… always is',
        ),
      with: map(z.unknown(), "a map of the entry's settings")
        .optional()
        .describe("Settings of the entry, checked against the worker package's own schema; part of the job's key"),
      resources: Resources.optional().describe('What one attempt needs; never part of the key'),
      shards: count(1).optional().describe('Cut the job into this many parts that run on their own. Default: 1'),
      checkpoint: Checkpoint.optional().describe('When to save the training state'),
      retry: Retry.optional().describe('What to do after a crash'),
      hang: unit(hangPattern, hangText)
        .optional()
        .describe(
          'Longest silence of a worker that is no hang, such as 10m; `off` to look for none. Between its steps a worker is ' +
            'measured against its own step time, and a hang found sooner; never part of the key. Default: 30m',
        ),
      pool: text('the name of a pool').optional().describe('Where it runs. Default: local'),
      network: z
        .enum(networks, { error: networkText })
        .optional()
        .describe(
          'What it may reach, in pools of containers: nothing but the store, nothing, or all. Default: as the pool says',
        ),
    },
    { error: 'a stage: a map with entry, inputs, with, …' },
  )
  .describe('One step of the pipeline')

const Data = z
  .strictObject(
    {
      path: text('a path or an address such as s3://bucket/folder').describe(
        'Path, relative to this file, or an address such as s3://bucket/folder',
      ),
      format: text('the name of a format').optional().describe('Format of the data, such as lerobot'),
      version: z
        .union([text('a version'), z.number({ error: 'a version' })], { error: 'a version' })
        .optional()
        .describe('Declared version: replaces the fingerprint of the files'),
    },
    { error: 'a data source: a map with path, format and version' },
  )
  .describe('Data from outside, used as `data.<name>`')

const plainText = 'a plain value: text, a number, true or false'
const Plain = z.union([z.string(), z.number(), z.boolean()], { error: plainText })
const Overrides = map(z.unknown(), 'overrides such as `train.with.steps: 100`').describe(
  'Overrides by path: `stage.with.key`, `stage.inputs.name: null` cuts an input off, `stage: null` removes a stage',
)
const axisText = 'named overrides, or a list of plain values'
const Axis = z
  .union(
    [
      named(Overrides.nullable(), axisText).describe('Named overrides: only what differs'),
      z
        .array(Plain, { error: axisText })
        .min(1, { error: 'at least one value' })
        .describe('Plain values, used through the variable matrix.<axis>'),
    ],
    { error: axisText },
  )
  .describe('One axis of the matrix')
const Combinations = z.array(map(z.unknown(), 'a map from axes to values'), { error: 'a list of combinations' })

const Matrix = z
  .object(
    {
      include: Combinations.optional().describe('Further cells: a value for each axis, and overrides of their own'),
      exclude: Combinations.optional().describe('Cells to leave out: all that match a combination of axis values'),
    },
    { error: 'a map of axes' },
  )
  .catchall(Axis)

const ReportShape = z.strictObject(
  {
    rows: text('the name of an axis').optional().describe('Axis of the matrix that makes the rows'),
    columns: text('what makes the columns').optional().describe('What makes the columns. Default: task'),
    value: text('the name of a metric').optional().describe('Metric that is compared. Default: success'),
    baseline: Plain.optional().describe('Value of the rows axis that the others are compared with'),
  },
  { error: 'a map with rows, columns, value and baseline' },
)

const gateText = 'a gate such as `recipe success(full) >= success(baseline) - 0.03`'
const undecidedText = "'pass', 'fail' or 'undecided'"
const untilText = '`seeds: 10` or `trials: 400`'
const most = (least: number) =>
  z.int({ error: `a whole number ≥ ${least}` }).min(least, { error: `a whole number ≥ ${least}` })
const GateShape = z.union(
  [
    z.string({ error: gateText }),
    z.strictObject(
      {
        gate: z.string({ error: gateText }).describe('The gate itself'),
        undecided: z
          .enum(['pass', 'fail', 'undecided'], { error: undecidedText })
          .optional()
          .describe('What it counts as when the interval is too wide. Default: undecided, which ends with exit code 3'),
        until: z
          .union(
            [
              z.strictObject({ seeds: most(3).describe('Most seeds a side') }),
              z.strictObject({ trials: most(1).describe('Most trials a side') }),
            ],
            { error: untilText },
          )
          .optional()
          .describe('How many seeds or trials a side `--until-decided` may go up to'),
      },
      { error: gateText },
    ),
  ],
  { error: gateText },
)

const flagText = 'true or false'
const wandbText = 'a map with project, entity and mode'
const wandbModeText = "'online' or 'offline'"
const Wandb = z.strictObject(
  {
    project: text('the name of a project').describe('Project in Weights & Biases'),
    entity: text('the name of a user or team').nullish().describe("User or team. Default: the API key's own"),
    mode: orVariable(z.enum(['online', 'offline'], { error: wandbModeText }), wandbModeText)
      .optional()
      .describe(
        'offline keeps everything in files for `wandb sync`; online needs WANDB_API_KEY among the secrets. Default: online',
      ),
  },
  { error: wandbText },
)

const MetricsShape = z.strictObject(
  {
    tensorboard: orVariable(z.boolean({ error: flagText }), flagText)
      .optional()
      .describe('Write event files; the run says for which folder to start TensorBoard. Default: false'),
    wandb: Wandb.nullish().describe('Write to Weights & Biases, a run of its own for each job'),
  },
  { error: 'a map with tensorboard and wandb' },
)

const secretText = 'the name of an environment variable'
const onFailureText = "'continue' or 'stop'"

export const PipelineShape = z
  .strictObject(
    {
      extends: z
        .string({ error: baseText })
        .regex(baseName, { error: baseText })
        .optional()
        .describe('A pipeline file in the same folder that this one changes: maps are merged, all else replaces'),
      name: Name.describe('Name of the pipeline'),
      worker: text("the worker's folder, relative to this file").describe(
        'Folder of the worker package (it holds worker.json), relative to this file',
      ),
      stages: named(StageShape, 'a map of stages').describe('The steps; their inputs say what comes before what'),
      data: named(Data, 'a map of data sources').optional().describe('What comes from outside'),
      matrix: Matrix.optional().describe('Axes of named overrides or plain values; each combination is a cell'),
      report: ReportShape.optional().describe('The table that the run ends with'),
      gates: z
        .array(GateShape, { error: 'a list of gates' })
        .optional()
        .describe('What the results must show: each passes, fails or stays undecided, and sets the exit code'),
      metrics: MetricsShape.nullish().describe(
        'Where curves, pictures and results go besides the report; never part of the key',
      ),
      secrets: z
        .array(z.string({ error: secretText }).regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: secretText }), {
          error: 'a list of names of environment variables',
        })
        .optional()
        .describe('Names of secrets, taken from the environment at launch; never their values'),
      labels: map(Plain, 'a map of labels').optional().describe('Free labels, shown and searchable'),
      priority: z
        .int({ error: 'a whole number' })
        .optional()
        .describe('Runs with a higher priority are placed first. Default: 0'),
      on_failure: z
        .enum(['continue', 'stop'], { error: onFailureText })
        .optional()
        .describe(
          'Once a job has failed for good: `continue` with all that does not need it, or `stop`: nothing more starts, and ' +
            'jobs that run save a checkpoint and stop. Default: continue',
        ),
    },
    { error: 'a pipeline: a map with name, worker and stages' },
  )
  .describe('A pipeline of orchestrate')

/** JSON Schema (2020-12) of the pipeline file, for editors. */
export function pipelineJsonSchema(): Record<string, unknown> {
  const { required, ...schema } = z.toJSONSchema(PipelineShape, { io: 'input' })
  // What a file that extends another leaves out stands there.
  return { title: 'orchestrate pipeline', ...schema, anyOf: [{ required }, { required: ['extends'] }] }
}
