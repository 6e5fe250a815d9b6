import { expect, test } from 'vitest'
import { type Build, buildArguments, stepOf } from '../../../orchestrator/cli/image/build-image.ts'
import { pipConfiguration, readPipConfig } from '../../../orchestrator/cli/image/pip-settings.ts'

const build: Build = {
  variant: 'cuda',
  base: null,
  mirror: null,
  packages: ['libegl1', 'python3-venv'],
  torchIndex: 'https://torch',
  more: ['--network=host'],
}
const context = { folder: '/c', idFile: '/i', name: 'DepthVLA', code: 'c'.repeat(64), lock: 'd'.repeat(64) }
const pip = { configuration: '/p/pip.conf', certificates: '/p/ca' }

test('a build is told what to build from, and gets settings of pip as mounts, never as arguments', () => {
  expect(buildArguments(build, context, pip)).toEqual([
    ...['build', '--file', '/c/Containerfile', '--target', 'cuda'],
    ...['--tag', 'localhost/orchestrate-depthvla:cuda-dddddddddddd-cccccccccccc'],
    ...['--build-arg', 'PACKAGES=libegl1 python3-venv', '--build-arg', 'TORCH_INDEX=https://torch'],
    ...['--build-arg', `CODE=${context.code}`, '--build-arg', `LOCK=${context.lock}`],
    ...['--secret', 'id=pip,src=/p/pip.conf', '--secret', 'id=certificates,src=/p/ca'],
    ...['--iidfile', '/i', '--network=host', '/c'],
  ])
})

test('base and mirror are the pinned ones unless others are named', () => {
  const args = buildArguments({ ...build, base: 'localhost/debian', mirror: 'http://m' }, context, pip)
  expect(args).toEqual(expect.arrayContaining(['BASE=localhost/debian', 'MIRROR=http://m']))
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
