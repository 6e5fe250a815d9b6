import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missing, podmanBuild, podmanOptions, testBase } from '../../support/container.ts'
import { leftOut } from '../../support/left-out.ts'
import { type Registry, startRegistry } from '../../support/registry.ts'
import { endOf, ends, eventually, look, never } from '../engines/contract/lab.ts'
import { lineJob, makeEngine } from './lab.ts'

const { skip, title } = leftOut('an image of a registry', missing())

describe(title, { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'registry-'))
  let registry: Registry
  let image = ''

  beforeAll(async () => {
    // The test base and one layer that nobody has.
    writeFileSync(join(folder, 'Containerfile'), `FROM ${testBase().name}\nCOPY Containerfile /${Date.now()}\n`)
    const podman = (...args: string[]) =>
      execFileSync('podman', [...podmanOptions, ...args], { encoding: 'utf8' }).trim()
    const id = podman('build', '--quiet', '--layers=false', ...podmanBuild, folder)
    podman('save', '--quiet', '--format=oci-dir', `--output=${join(folder, 'image')}`, id)
    podman('rmi', '--force', id)
    registry = await startRegistry(join(folder, 'image'))
    image = `${registry.address}/worker@${registry.digest}`
    writeFileSync(join(folder, 'registries.conf'), `[[registry]]\nlocation = "${registry.address}"\ninsecure = true\n`)
    process.env.CONTAINERS_REGISTRIES_CONF = join(folder, 'registries.conf')
  })
  afterAll(async () => {
    delete process.env.CONTAINERS_REGISTRIES_CONF
    await registry?.close()
    if (image) execFileSync('podman', [...podmanOptions, 'rmi', '--force', '--ignore', image], { stdio: 'ignore' })
    rmSync(folder, { recursive: true })
  })

  test('it is pulled once for all attempts that want it; they are queued meanwhile, and say how far it is', async () => {
    const { engine } = makeEngine({ image })
    const launches = [1, 2, 3].map(() => lineJob('print(1)'))
    const [first, second, revoked] = launches.map(({ job }) => job.attempt) as [string, string, string]
    await Promise.all(launches.map((launch) => engine.launch(launch)))
    const why = expect.stringMatching(/^pulling 127\.0\.0\.1:\d+\/worker@sha256:[0-9a-f]{64}: \d+ layers begun$/)
    for (const attempt of [first, second])
      await eventually(async () =>
        expect(await look(engine, attempt)).toEqual({ state: 'queued', why, startsAt: null }),
      )
    expect(await engine.revoke(revoked)).toBe('revoked')
    const started = engine.started(first, never())
    registry.gate.open = true
    await started
    for (const attempt of [first, second]) expect(ends(await endOf(engine, attempt))).toEqual([0])
    expect(await look(engine, revoked)).toEqual({ state: 'revoked' })
    expect([...registry.fetched.values()].every((times) => times === 1)).toBe(true)
    const { engine: other } = makeEngine({ image })
    const later = lineJob('print(1)')
    await other.launch(later)
    expect(ends(await endOf(other, later.job.attempt))).toEqual([0])
    expect([...registry.fetched.values()].every((times) => times === 1)).toBe(true)
  })

  test('one that the registry does not have is told to who launches next', async () => {
    const { engine } = makeEngine({ image: `${registry.address}/worker@sha256:${'1'.repeat(64)}` })
    const launch = lineJob('')
    const { attempt } = launch.job
    await engine.launch(launch)
    await engine.started(attempt, never())
    expect(await look(engine, attempt)).toEqual({ state: 'unclaimed' })
    await expect(engine.launch(launch)).rejects.toMatchObject({
      code: 'IMAGE_NOT_PULLED',
      message: expect.stringContaining('/worker@sha256:1111'),
    })
  })
})
