import { readFile, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Argument, Command, Option } from 'commander'
import { findRuntime, type Program, programs } from '../../engines/container/runtime.ts'
import { shortDuration } from '../../report/figures.ts'
import { makeFolder } from '../../server/make-folder.ts'
import { checkout, readSettings } from '../../server/settings.ts'
import { stateDirectory } from '../client/connect.ts'
import { withBuildContext } from '../image/build-context.ts'
import { type Built, buildImage, type Variant, variants } from '../image/build-image.ts'
import { copySbom } from '../image/copy-sbom.ts'
import { withPipSettings } from '../image/pip-settings.ts'
import { examples, repeated } from '../options.ts'
import { printJson, printLines } from '../print.ts'
import { bytes } from '../view/figures.ts'
import { type Line, span } from '../view/line.ts'

type Options = {
  variant: Variant
  base?: string
  mirror?: string
  packages: string
  torchIndex?: string
  worker: string
  fresh?: boolean
  engine?: Program
  engineOption?: string[]
  state?: string
  json?: boolean
}

/** What `npm run setup` installs for running pipelines, an image has to have too. */
const neededPackages = 'python3-venv libegl1 libegl-mesa0 libgl1-mesa-dri libopengl0'

const CPU_INDEX = 'https://download.pytorch.org/whl/cpu'

const help = `
The image holds the packages of the worker's lock file, and a copy of its code for use by hand. What an attempt runs is the
snapshot of the code that was hashed, mounted when it starts: a pool needs a new image only when the lock file changes.

The base and Debian's packages are pinned by digest and date in worker-images/Containerfile. Without a registry, make a base
from Debian's packages and name it with --base:
  mmdebstrap --variant=minbase bookworm - http://snapshot.debian.org/archive/debian/20260824T000000Z |
    podman import - localhost/debian:bookworm

pip's settings on this machine (index, certificates, proxy) are mounted while it installs, and are in no layer.
PyTorch comes from --torch-index or $ORCHESTRATE_TORCH_INDEX; by default for cpu from ${CPU_INDEX},
for cuda from pip's usual index. \`--torch-index pip\` says the latter for cpu too.`

export function command(): Command {
  const build = new Command('build')
    .description('Builds the image that container pools run workers in, and prints the line for pools.yaml.')
    .addOption(new Option('--variant <name>', 'cpu, or cuda (several GB)').choices(variants).default('cpu'))
    .option('--base <image>', 'Debian image to build on, by digest or local')
    .option('--mirror <url>', 'Debian archive for what the base lacks, instead of the pinned snapshot')
    .option('--packages <names>', 'Debian packages that it has to have', neededPackages)
    .option('--torch-index <url>', 'where PyTorch comes from; `pip`: from where all else comes from')
    .option('--fresh', 'make the environment anew, even if its lock file has not changed')
    .option('--worker <folder>', 'the worker', join(checkout, 'worker-images/depthvla'))
    .addOption(new Option('--engine <name>', 'podman or docker instead of the first that works').choices(programs))
    .option('--engine-option <option>', 'for podman or docker, before `build`; may be given again', repeated)
    .option('--state <folder>', 'the state directory ($ORCHESTRATE_STATE); log and bill of materials go to images/')
    .option('--verbose', 'show the stack of an unexpected error')
    .option('--json', 'one JSON document on standard output')
    .addArgument(new Argument('[options...]', 'for podman or docker, after `build`: put them behind --'))
    .addHelpText('after', help)
    .action(async (more: string[], options: Options) => {
      const found = await buildOne(more, options)
      if (options.json === true) printJson(found)
      else printLines(linesOf(found))
    })
  const lines = [
    'orchestrate image build',
    'orchestrate image build --variant cuda',
    'orchestrate image build --base localhost/debian:bookworm -- --isolation=chroot --network=host',
  ]
  const image = new Command('image').description('Images for container pools.').addCommand(examples(build, lines))
  return examples(image, lines)
}

async function buildOne(more: string[], options: Options): Promise<Built & { sbom: string; components: number }> {
  const { variant, worker } = options
  const { python } = readSettings(process.env)
  const runtime = await findRuntime(options.engine, options.engineOption)
  const started = Date.now()
  const tell = (step: string) => {
    process.stderr.write(`${shortDuration((Date.now() - started) / 1000).padStart(8)}  ${step}\n`)
  }
  const folder = join(stateDirectory(options), 'images')
  makeFolder(folder)
  const build = {
    variant,
    base: options.base ?? null,
    mirror: options.mirror ?? null,
    packages: options.packages.split(' ').filter(Boolean),
    torchIndex: torchIndex(variant, options.torchIndex ?? process.env.ORCHESTRATE_TORCH_INDEX),
    fresh: options.fresh === true,
    more,
  }
  tell(`${variant} image of ${basename(worker)}, with ${runtime.program} ${runtime.version}`)
  const log = join(folder, `${variant}.log`)
  await rm(log, { force: true })
  const built = await withBuildContext(worker, (context) =>
    withPipSettings(python, (pip) => buildImage(runtime, build, context, pip, { log, tell })),
  )
  const sbom = join(folder, `${built.tag.split('/').at(-1)?.replace(':', '-')}.cdx.json`)
  await copySbom(runtime, built.image, sbom)
  const { components } = JSON.parse(await readFile(sbom, 'utf8')) as { components: unknown[] }
  tell('built')
  return { ...built, sbom, components: components.length }
}

function torchIndex(variant: Variant, asked: string | undefined): string | null {
  if (asked === 'pip') return null
  return asked || (variant === 'cpu' ? CPU_INDEX : null)
}

const linesOf = (built: Built & { sbom: string; components: number }): Line[] => [
  [span(`${built.tag}  ${bytes(built.bytes)}`)],
  [span(`code ${built.code.slice(0, 12)}  lock ${built.lock.slice(0, 12)}`, 'dim')],
  [span(`${built.components} components: ${built.sbom}`, 'dim')],
  [],
  [span('for a pool in pools.yaml:', 'dim')],
  [span(`image: ${built.image}`, 'bold')],
]
