import { expect, test } from 'vitest'
import { type Build, codeArguments, environmentArguments, stepOf } from '../../../orchestrator/cli/image/build-image.ts'
import { pipConfiguration, readPipConfig } from '../../../orchestrator/cli/image/pip-settings.ts'

const build: Build = {
  variant: 'cuda',
  base: null,
  mirror: null,
  packages: ['libegl1', 'python3-venv'],
  torchIndex: 'https://torch',
  fresh: false,
  more: ['--network=host'],
}
const digest = (letter: string) => letter.repeat(64)
const context = {
  ...{ folder: '/c', idFile: '/i', name: 'DepthVLA' },
  ...{ code: digest('c'), lock: digest('d'), recipe: digest('e') },
}
const pip = { configuration: '/p/pip.conf', certificates: '/p/ca' }
const tagIn = (args: string[]) => args[args.indexOf('--tag') + 1]

test('an environment is told what to build from, and gets settings of pip as mounts, never as arguments', () => {
  const args = environmentArguments(build, context, pip)
  expect(tagIn(args)).toMatch(/^localhost\/orchestrate-depthvla:cuda-[0-9a-f]{12}$/)
  expect(args.filter((arg) => arg !== tagIn(args))).toEqual([
    ...['build', '--file', '/c/Containerfile', '--target', 'cuda', '--tag'],
    ...['--build-arg', 'PACKAGES=libegl1 python3-venv', '--build-arg', 'TORCH_INDEX=https://torch'],
    ...['--build-arg', `LOCK=${context.lock}`],
    ...['--secret', 'id=pip,src=/p/pip.conf', '--secret', 'id=certificates,src=/p/ca'],
    ...['--network=host', '/c'],
  ])
})

test('code is put on the environment that was made with the same, whatever the code is', () => {
  const args = codeArguments(build, context, 'podman')
  const environment = tagIn(environmentArguments(build, { ...context, code: digest('f') }, pip))
  expect(args).toContain(`ENVIRONMENT=${environment}`)
  expect(tagIn(args)).toBe(`${environment}-cccccccccccc`)
  expect(codeArguments(build, context, 'docker')).not.toContain('--layers=false')
})

test.each([
  ['lock or recipe', {}, { recipe: digest('f') }],
  ['base', { base: 'localhost/debian' }, {}],
  ['mirror', { mirror: 'http://m' }, {}],
  ['packages', { packages: [] }, {}],
  ['index', { torchIndex: null }, {}],
])('another %s makes another environment', (_, otherBuild, otherContext) => {
  const other = environmentArguments({ ...build, ...otherBuild }, { ...context, ...otherContext }, pip)
  expect(tagIn(other)).not.toBe(tagIn(environmentArguments(build, context, pip)))
})

test('base and mirror are the pinned ones unless others are named', () => {
  const args = environmentArguments({ ...build, base: 'localhost/debian', mirror: 'http://m' }, context, pip)
  expect(args).toEqual(expect.arrayContaining(['BASE=localhost/debian', 'MIRROR=http://m']))
  expect(environmentArguments(build, context, pip).join()).not.toMatch(/BASE|MIRROR/)
})

test('of pip’s settings those are passed on that say where packages come from; the environment wins', () => {
  const said = readPipConfig(
    [
      "global.index-url='https://user:secret@index/simple'",
      "global.extra-index-url='https://a\\nhttps://b'",
      "global.no-color='true'",
      "list.format='json'",
      ":env:.index-url='https://other/simple'",
      ":env:.cert='/etc/ca.pem'",
    ].join('\n'),
  )
  expect(said).toMatchObject({ 'index-url': 'https://other/simple', cert: '/etc/ca.pem' })
  expect(pipConfiguration(said)).toBe(
    '[global]\nindex-url = https://other/simple\nextra-index-url = https://a\n  https://b\n',
  )
})

test.each([
  ['[2/4] STEP 4/4: RUN sh /image/install-python.sh ""', 'RUN sh /image/install-python.sh ""'],
  ['STEP 1/3: FROM debian', 'FROM debian'],
  ['[2/4] STEP 2/4: ARG TORCH_INDEX=', null],
  ['#7 [python 2/2] RUN sh /image/install-python.sh', '[python 2/2] RUN sh /image/install-python.sh'],
  ['#1 [internal] load build definition', null],
  ['  Downloading torch-2.13.0-cp311.whl (190.2 MB)', 'Downloading torch-2.13.0-cp311.whl (190.2 MB)'],
  ['  Downloading idna-3.20-py3-none-any.whl (69 kB)', null],
  ['--> Using cache 1234', null],
])('of a build’s output, %j is told as %j', (line, step) => {
  expect(stepOf(line)).toBe(step)
})
