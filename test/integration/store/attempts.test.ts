import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { collectOutputs, publishArtifact, readArtifact, verifyArtifact } from '../../../orchestrator/store/artifacts.ts'
import { listCheckpoints, resumeOrder, verifyCheckpoint } from '../../../orchestrator/store/checkpoints.ts'
import { claimFence, lastFence, readClaims } from '../../../orchestrator/store/fences.ts'
import { layout } from '../../../orchestrator/store/layout.ts'
import { stageOutput } from '../../../orchestrator/store/stage.ts'
import type { Store } from '../../../orchestrator/store/store.ts'
import { cacheIn, entriesOf } from '../../support/host-cache.ts'
import { describeEachStore } from './each-store.ts'

const job = 'c0ffee'.padEnd(64, '0')
const sha256 = (body: string) => createHash('sha256').update(body).digest('hex')

const claimOf = (fence: number, parent: string | null = null) => ({
  attempt: `a-${fence}`,
  epoch: 1,
  nonce: randomUUID(),
  host: 'here',
  parent,
  at: 0,
})

describeEachStore(({ open, scratch }) => {
  const claim = (store: Store, fence: number, parent: string | null = null) =>
    claimFence(store, job, 0, fence, claimOf(fence, parent))

  async function commit(store: Store, fence: number, step: number, parent: string | null = null): Promise<string> {
    const folder = `${layout.checkpoints(job, 0, fence)}/${step}`
    const body = `weights ${fence} ${step}`
    await store.put(`${folder}/rank-0.bin`, body)
    const files = [{ path: 'rank-0.bin', size: body.length, sha256: sha256(body) }]
    const rest = { world: 1, files, cursor: null, versions: {}, createdAt: 0 }
    const manifest = { protocol: 1, job, shard: 0, fence, step, parent, ...rest }
    await store.create(`${folder}/manifest.json`, JSON.stringify(manifest))
    return `${folder}/manifest.json`
  }

  async function attempt(files: Record<string, string>): Promise<string> {
    const directory = scratch()
    await mkdir(join(directory, 'outputs'), { recursive: true })
    for (const [path, body] of Object.entries(files)) {
      await mkdir(dirname(join(directory, 'outputs', path)), { recursive: true })
      await writeFile(join(directory, 'outputs', path), body)
    }
    return directory
  }

  const finished = (directory: string, fence = 1, shard = 0) => ({
    directory,
    prefix: layout.attempt(job, shard, fence),
    outputs: { model: { format: 'weights' } },
    metrics: { success: { k: 1, n: 2 } },
    summary: 'a line',
    device: 'cpu',
  })
  const publication = (fences: number[]) => ({ job, stage: 'train', fences, world: 1, seconds: 3 })

  test('one of many claims of a fence wins, and the next fence is the next number', async () => {
    const store = await open()
    expect(await lastFence(store, job, 0)).toBe(0)
    const won = await Promise.all(Array.from({ length: 10 }, () => claim(store, 1)))
    expect(won.filter(Boolean)).toHaveLength(1)
    for (let fence = 2; fence <= 11; fence++) expect(await claim(store, fence)).toBe(true)
    expect(await lastFence(store, job, 0)).toBe(11)
    expect((await readClaims(store, job, 0)).map(({ fence }) => fence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    expect(await lastFence(store, job, 1)).toBe(0)
  })

  test('a claim made twice by the same placement is won twice', async () => {
    const store = await open()
    const mine = claimOf(1)
    expect(await claimFence(store, job, 0, 1, mine)).toBe(true)
    expect(await claimFence(store, job, 0, 1, mine)).toBe(true)
    expect(await claim(store, 1)).toBe(false)
  })

  test('resumes along the lineage that the claims tell, whatever a replaced attempt commits late', async () => {
    const store = await open()
    expect(await resumeOrder(store, job, 0)).toEqual([])
    await claim(store, 1)
    const first = [await commit(store, 1, 100), await commit(store, 1, 200)]
    await store.put(`${layout.checkpoints(job, 0, 1)}/300/rank-0.bin`, 'no manifest: no checkpoint')
    expect(await resumeOrder(store, job, 0)).toEqual([first[1], first[0]])
    await claim(store, 2, first[1])
    const late = await commit(store, 1, 900)
    expect(await resumeOrder(store, job, 0)).toEqual([first[1], first[0]])
    const second = await commit(store, 2, 300, first[1])
    expect(await resumeOrder(store, job, 0)).toEqual([second, first[1], first[0]])
    expect((await listCheckpoints(store, job, 0)).map(({ key }) => key)).toEqual([...first, late, second])
  })

  test('a damaged checkpoint is found', async () => {
    const store = await open()
    const key = await commit(store, 1, 100)
    const file = key.replace('manifest.json', 'rank-0.bin')
    expect(await verifyCheckpoint(store, key)).toEqual([])
    await store.put(file, 'weights 1 1oo')
    expect(await verifyCheckpoint(store, key)).toEqual([expect.stringContaining('another content')])
    await store.put(file, 'weights')
    expect(await verifyCheckpoint(store, key)).toEqual([expect.stringContaining('7 bytes, expected 13')])
    await store.delete(file)
    expect(await verifyCheckpoint(store, key)).toEqual([`${file} is not there`])
    expect(await verifyCheckpoint(store, 'no/manifest.json')).toEqual(['no/manifest.json is not there'])
  })

  test('a damaged manifest bars no way: it is offered in its place, for the attempt to find out', async () => {
    const store = await open()
    await claim(store, 1)
    const first = [await commit(store, 1, 100), await commit(store, 1, 200)]
    await claim(store, 2, first[1])
    const second = [await commit(store, 2, 300, first[0]), await commit(store, 2, 400, first[0])]
    await store.put(second[1] as string, '{"protocol": 1, "st')
    expect(await resumeOrder(store, job, 0)).toEqual([second[1], second[0], first[0]])
    expect((await listCheckpoints(store, job, 0)).map(({ key }) => key)).toEqual([...first, second[0]])
  })

  test('a claim that is no claim is named', async () => {
    const store = await open()
    await store.put(layout.fence(job, 0, 1), '{"attempt": "a-1"')
    await expect(resumeOrder(store, job, 0)).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      message: expect.stringContaining('fences/1.json'),
    })
  })

  test('outputs go in, an artifact is published, and it is staged as it was', async () => {
    const store = await open()
    expect(await readArtifact(store, job)).toBeNull()
    await claim(store, 1)
    const directory = await attempt({ 'model/weights.bin': 'w', 'model/deep/er/config.json': '{}', 'model/empty': '' })
    await collectOutputs(store, finished(directory))
    const artifact = await publishArtifact(store, publication([1]))
    expect(artifact).toMatchObject({
      stage: 'train',
      metrics: { success: { k: 1, n: 2 } },
      summary: 'a line',
      world: 1,
    })
    expect(artifact.outputs.model).toMatchObject({ format: 'weights' })
    expect(artifact.outputs.model?.files.map(({ path }) => path)).toEqual([
      'deep/er/config.json',
      'empty',
      'weights.bin',
    ])
    expect(await readArtifact(store, job)).toEqual(artifact)
    expect(await verifyArtifact(store, artifact, 'content')).toEqual([])

    const cache = scratch()
    const output = artifact.outputs.model ?? { digest: '', files: [] }
    const staged = await stageOutput(store, output, cacheIn(cache), 'a-1')
    expect(await readFile(join(staged, 'deep/er/config.json'), 'utf8')).toBe('{}')
    expect((await stat(join(staged, 'weights.bin'))).mode & 0o777).toBe(0o444)
    expect(await entriesOf(cache)).toEqual([output.digest])
  })

  test('collecting and publishing again changes nothing', async () => {
    const store = await open()
    await claim(store, 1)
    const directory = await attempt({ 'model/weights.bin': 'w' })
    const collected = await collectOutputs(store, finished(directory))
    const artifact = await publishArtifact(store, publication([1]))
    await rm(directory, { recursive: true })
    expect(await collectOutputs(store, finished(directory))).toEqual(collected)
    expect(await publishArtifact(store, { ...publication([1]), seconds: 99 })).toEqual(artifact)
  })

  test('many who publish at once see one artifact', async () => {
    const store = await open()
    await claim(store, 1)
    await collectOutputs(store, finished(await attempt({ 'model/weights.bin': 'w' })))
    const publications = Array.from({ length: 5 }, (_, seconds) =>
      publishArtifact(store, { ...publication([1]), seconds }),
    )
    const [first, ...others] = await Promise.all(publications)
    for (const other of others) expect(other).toEqual(first)
  })

  test('an attempt that was replaced does not publish', async () => {
    const store = await open()
    await claim(store, 1)
    await collectOutputs(store, finished(await attempt({ 'model/weights.bin': 'w' })))
    await claim(store, 2)
    await expect(publishArtifact(store, publication([1]))).rejects.toMatchObject({ code: 'FENCE_LOST' })
    expect(await readArtifact(store, job)).toBeNull()
  })

  test('shards make one artifact together, unless they contradict each other', async () => {
    const store = await open()
    const shards = [
      { 'model/0': 'a', 'model/meta': 'same' },
      { 'model/1': 'b', 'model/meta': 'same' },
      { 'model/meta': 'other' },
    ]
    for (const [shard, files] of shards.entries()) {
      await claimFence(store, job, shard, 1, claimOf(1))
      await collectOutputs(store, finished(await attempt(files as Record<string, string>), 1, shard))
    }
    await expect(publishArtifact(store, publication([1, 1, 1]))).rejects.toMatchObject({
      code: 'OUTPUT_CONFLICT',
      message: expect.stringContaining('meta'),
    })
    const artifact = await publishArtifact(store, publication([1, 1]))
    expect(artifact.outputs.model?.files.map(({ path }) => path)).toEqual(['0', '1', 'meta'])
    expect(artifact.metrics).toEqual({ success: { k: 2, n: 4 } })
  })

  test('a shard that collected nothing keeps the artifact from being published', async () => {
    const store = await open()
    await expect(publishArtifact(store, publication([1]))).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
  })

  test('an output that is not there, or holds what no store can keep, is refused before anything is written', async () => {
    const store = await open()
    const missing = await attempt({ 'other/file': '' })
    await expect(collectOutputs(store, finished(missing))).rejects.toMatchObject({ code: 'OUTPUT_MISSING' })
    const looping = await attempt({ 'model/file': '' })
    await symlink('.', join(looping, 'outputs/model/loop'))
    await expect(collectOutputs(store, finished(looping))).rejects.toMatchObject({ code: 'OUTPUT_INVALID' })
    const named = await attempt({ 'model/a\nb': '' })
    await expect(collectOutputs(store, finished(named))).rejects.toMatchObject({ code: 'OUTPUT_INVALID' })
    expect(await store.children('')).toEqual([])
  })

  test('an empty output is an output', async () => {
    const store = await open()
    const directory = await attempt({})
    await mkdir(join(directory, 'outputs/model'))
    await collectOutputs(store, finished(directory))
    const artifact = await publishArtifact(store, publication([1]))
    const staged = await stageOutput(
      store,
      artifact.outputs.model ?? { digest: '', files: [] },
      cacheIn(scratch()),
      'a-1',
    )
    expect(await readdir(staged)).toEqual([])
  })

  test('what is wrong with an artifact is found: by size what is missing, by content what changed', async () => {
    const store = await open()
    await collectOutputs(store, finished(await attempt({ 'model/a': 'aa', 'model/b': 'bb', 'model/c': 'cc' })))
    const artifact = await publishArtifact(store, publication([1]))
    const [a, b, c] = artifact.outputs.model?.files.map(({ key }) => key) ?? []
    await store.delete(a ?? '')
    await store.put(b ?? '', 'x')
    await store.put(c ?? '', 'xx')
    expect(await verifyArtifact(store, artifact, 'size')).toEqual([`${a} is not there`, `${b} has 1 bytes, expected 2`])
    expect(await verifyArtifact(store, artifact, 'content')).toHaveLength(3)
  })

  test('what is staged is staged once, whoever asks at the same time, and damaged content never', async () => {
    const store = await open()
    await collectOutputs(store, finished(await attempt({ 'model/a': 'aa', 'model/b': 'bb' })))
    const { outputs } = await publishArtifact(store, publication([1]))
    const output = outputs.model ?? { digest: '', files: [] }
    const cache = scratch()
    const paths = await Promise.all(Array.from({ length: 5 }, () => stageOutput(store, output, cacheIn(cache), 'a-1')))
    expect(new Set(paths)).toEqual(new Set([join(cache, output.digest)]))
    await store.put(output.files[1]?.key ?? '', 'xx')
    expect(await stageOutput(store, output, cacheIn(cache), 'a-1')).toBe(paths[0])
    const elsewhere = scratch()
    await expect(stageOutput(store, output, cacheIn(elsewhere), 'a-1')).rejects.toMatchObject({
      code: 'OBJECT_DAMAGED',
    })
    expect(await entriesOf(elsewhere)).toEqual([])
  })
})
