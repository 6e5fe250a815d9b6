import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, describe, expect, test } from 'vitest'
import { missing, podmanBuild, podmanOptions, testBase } from '../../support/container.ts'
import { bare } from '../../support/daemon.ts'
import { leftOut } from '../../support/left-out.ts'
import { foreignWorker } from '../../support/pipelines.ts'
import { executable } from '../cli/orchestrate.ts'
import { endOf, ends } from '../engines/contract/lab.ts'
import { lineJob, makeEngine } from './lab.ts'

const { skip, title } = leftOut('orchestrate image build', missing())

describe(title, { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'image-build-'))
  const worker = join(folder, 'worker')
  const made: string[] = []
  const podman = (...args: string[]) => execFileSync('podman', [...podmanOptions, ...args], { encoding: 'utf8' })

  afterAll(() => {
    execFileSync('podman', [...podmanOptions, 'rmi', '--force', '--ignore', ...made], { stdio: 'ignore' })
    rmSync(folder, { recursive: true })
  })

  async function build() {
    const args = ['image', 'build', '--json', '--worker', worker, '--base', testBase().name, '--packages', '']
    const engine = ['--engine', 'podman', ...podmanOptions.map((option) => `--engine-option=${option}`)]
    const env = { ...bare(), ORCHESTRATE_STATE: folder, PIP_TRUSTED_HOST: 'planted-host-77c1' }
    const { stdout, stderr } = await execa(executable, [...args, ...engine, '--', ...podmanBuild], {
      env,
      extendEnv: false,
    })
    const found = JSON.parse(stdout) as { image: string; tag: string; code: string; lock: string; sbom: string }
    made.push(found.tag, found.tag.replace(/-[0-9a-f]{12}$/, ''))
    return { ...found, steps: stderr }
  }

  test('an image is built once for its lock file, and code is put on top; an attempt runs in it by its digest', async () => {
    execFileSync('mkdir', [worker])
    copyFileSync(join(foreignWorker, 'worker.py'), join(worker, 'worker.py'))
    const description = JSON.parse(readFileSync(join(foreignWorker, 'worker.json'), 'utf8'))
    writeFileSync(join(worker, 'worker.json'), JSON.stringify({ ...description, lock: 'requirements.lock' }))
    writeFileSync(join(worker, 'requirements.lock'), 'idna==3.20\n')

    const first = await build()
    expect(first.image).toMatch(/^localhost\/orchestrate-foreign@sha256:[0-9a-f]{64}$/)
    expect(first.steps).toContain('install-python.sh')
    const [facts] = JSON.parse(podman('image', 'inspect', first.image))
    expect(facts.User).toBe('10001:10001')
    expect(facts.Labels).toMatchObject({ 'orchestrate.code': first.code, 'orchestrate.lock': first.lock })
    const bill = JSON.parse(readFileSync(first.sbom, 'utf8')) as { components: { purl: string }[] }
    expect(bill.components.map(({ purl }) => purl)).toContain('pkg:pypi/idna@3.20')
    // pip was told, and no layer nor its history knows.
    const layers = join(folder, 'layers')
    podman('save', '--quiet', '--format=docker-dir', `--output=${layers}`, first.image)
    for (const file of readFileSync(join(layers, 'manifest.json'), 'utf8').match(/(?<=sha256:)[0-9a-f]{64}/g) ?? [])
      expect(
        execFileSync('sh', ['-c', 'zcat -f "$1" | grep -c planted-host-77c1 || true', 'sh', join(layers, file)], {
          encoding: 'utf8',
        }),
      ).toBe('0\n')

    writeFileSync(join(worker, 'worker.py'), '# other code\n')
    const second = await build()
    expect(second.lock).toBe(first.lock)
    expect(second.code).not.toBe(first.code)
    expect(second.steps).not.toContain('install-python.sh')
    expect(podman('image', 'exists', first.image)).toBe('') // what a pool names stays

    const { engine, read } = makeEngine({ image: second.image, python: 'python' })
    const launch = lineJob('import idna, sys; print(idna.__version__, sys.prefix, open("/code/worker.py").read())')
    launch.job.command[0] = 'python'
    await engine.launch(launch)
    expect(ends(await endOf(engine, launch.job.attempt))).toEqual([0])
    expect(read(launch.job.attempt, 'stdout.0.log')).toBe('3.20 /opt/worker # other code\n\n')
  })

  test('a build that fails says its last line, and where the others are', async () => {
    writeFileSync(join(worker, 'requirements.lock'), 'no-such-package-of-orchestrate==0\n')
    await expect(build()).rejects.toMatchObject({
      exitCode: 4,
      stdout: expect.stringMatching(/"code":"IMAGE_NOT_BUILT".*No matching distribution.*cpu\.log/),
    })
  })
})
