import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Collector } from '../../../orchestrator/server/gc/collector.ts'
import {
  availableArtifact,
  checkedArtifact,
  readArtifact,
  verifyArtifact,
} from '../../../orchestrator/store/artifacts.ts'
import { listCheckpoints, resumeOrder, verifyCheckpoint } from '../../../orchestrator/store/checkpoints.ts'
import { lastFence } from '../../../orchestrator/store/fences.ts'
import { availableManifests, listMarks } from '../../../orchestrator/store/marks.ts'
import { pin, unpin } from '../../../orchestrator/store/pins.ts'
import type { Store } from '../../../orchestrator/store/store.ts'
import { describeEachStore } from '../store/each-store.ts'
import { atOnce, commit, idleNeeds, jobKey, make, numbersFrom, place, saveParts, toolsFor } from './store-lab.ts'

const collectorOf = (store: Store, needs = idleNeeds()) => new Collector(toolsFor(store, () => needs))
const actions = async (pass: ReturnType<Collector['pass']>) =>
  (await pass).decisions.map(({ action, subject: { kind } }) => `${action} ${kind}`)
const keys = async (store: Store, under: string) => (await Array.fromAsync(store.list(under))).map(({ key }) => key)

describeEachStore(({ open, address }) => {
  const job = jobKey(0)

  test('what nobody needs is marked, and deleted with the next pass; fences stay, and the next one is another', async () => {
    const store = await open()
    await make(store, job)
    await commit(store, job, 1, 100)
    const collector = collectorOf(store)
    expect(await actions(collector.plan(atOnce))).toEqual(['mark artifact'])
    expect(await listMarks(store)).toEqual([])
    expect(await actions(collector.pass({ ...atOnce, grace: 60_000 }))).toEqual(['mark artifact'])
    expect(await actions(collector.pass({ ...atOnce, grace: 60_000 }))).toEqual(['wait artifact'])
    expect(await verifyArtifact(store, (await readArtifact(store, job)) ?? expect.fail(), 'content')).toEqual([])
    expect(await availableArtifact(store, job)).toBeNull()
    expect(await actions(collector.pass(atOnce))).toEqual(['delete artifact'])
    expect(await keys(store, '')).toEqual([`jobs/${job}/s0/fences/1.json`])
    expect(await actions(collector.pass(atOnce))).toEqual([])
    await make(store, job)
    expect(await lastFence(store, job, 0)).toBe(2)
  })

  test('what is pinned after it was marked is taken back, at once where somebody asks', async () => {
    const store = await open()
    await make(store, job)
    const collector = collectorOf(store)
    await collector.pass(atOnce)
    await pin(store, 'r-1', [job])
    expect(await availableArtifact(store, job)).toBeNull()
    await collector.settle([job, jobKey(1)])
    expect(await availableArtifact(store, job)).not.toBeNull()
    await unpin(store, 'r-1')
    await collector.pass(atOnce)
    await pin(store, 'r-2', [job])
    expect(await actions(collector.pass(atOnce))).toEqual(['take back artifact'])
  })

  test('an artifact of which a file is gone or changed is not trusted, and makes way for the next', async () => {
    const store = await open()
    for (const harm of [
      (file: string) => store.delete(file),
      (file: string) => store.put(file, 'model of fence x'.slice(0, 16)),
    ]) {
      await make(store, job)
      const { artifact, problems } = (await checkedArtifact(store, job)) ?? expect.fail()
      expect(problems).toEqual([])
      const file = artifact.outputs.model?.files[0]?.key ?? expect.fail()
      await harm(file)
      expect((await checkedArtifact(store, job))?.problems).toEqual([expect.stringContaining(file)])
      const collector = collectorOf(store)
      await collector.discard(job, [artifact.fences[0] ?? 0, 1])
      expect(await readArtifact(store, job)).not.toBeNull()
      await collector.discard(job, artifact.fences)
      expect(await readArtifact(store, job)).toBeNull()
    }
    await make(store, job)
    expect((await checkedArtifact(store, job))?.problems).toEqual([])
  })

  test('an artifact that somebody asks to delete goes at once, unless it is pinned or wanted', async () => {
    const store = await open()
    await make(store, job)
    await pin(store, 'r-1', [job])
    expect(await collectorOf(store).evict(job)).toBe('needed')
    expect(await availableArtifact(store, job)).not.toBeNull()
    await unpin(store, 'r-1')
    expect(await collectorOf(store, { ...idleNeeds(), wanted: true }).evict(job)).toBe('needed')
    expect(await collectorOf(store).evict(job)).toBe('deleted')
    expect(await collectorOf(store).evict(job)).toBe('absent')
    expect(await keys(store, '')).toEqual([`jobs/${job}/s0/fences/1.json`])
  })

  test('a collector that is no longer the owner deletes nothing', async () => {
    const store = await open()
    await make(store, job)
    await collectorOf(store).pass(atOnce)
    const tools = { ...toolsFor(store, idleNeeds), control: { stillOwner: async () => false } }
    const before = await keys(store, '')
    await expect(new Collector(tools).pass(atOnce)).rejects.toMatchObject({ code: 'STORE_OWNED' })
    expect(await keys(store, '')).toEqual(before)
  })

  test('a pass is broken off when the control plane ends, and the next one goes on', async () => {
    const store = await open()
    for (const n of [0, 1, 2]) await make(store, jobKey(n))
    await collectorOf(store).pass(atOnce)
    const collector = collectorOf(store)
    const pass = collector.pass(atOnce)
    await collector.close()
    await expect(pass).rejects.toMatchObject({ name: 'AbortError' })
    await collectorOf(store).pass(atOnce)
    expect(await actions(collectorOf(store).pass(atOnce))).toEqual([])
  })

  test('a job of which something cannot be read is left alone, and said; others are collected', async () => {
    const store = await open()
    await make(store, job)
    await make(store, jobKey(1))
    await store.put(`jobs/${jobKey(1)}/s0/1/checkpoints/100/manifest.json`, 'no manifest')
    const collector = collectorOf(store)
    await collector.pass(atOnce)
    const { decisions, skipped } = await collector.pass(atOnce)
    expect(decisions.map(({ action }) => action)).toEqual(['delete'])
    expect(skipped).toEqual([{ job: jobKey(1), problem: expect.stringContaining('manifest.json cannot be read') }])
    expect(await readArtifact(store, jobKey(1))).not.toBeNull()
  })

  test('whoever pinned and saw no mark can read every file, however the collector races; the newest checkpoint is always there', async () => {
    const store = await open()
    const seed = Number(process.env.SEED) || randomInt(2 ** 31)
    console.log(`seed ${seed}: SEED=${seed} repeats the choices`)
    const number = numbersFrom(seed)
    const jobs = [0, 1, 2].map(jobKey)
    const training = jobKey(3)
    const needs = idleNeeds()
    const collector = new Collector(toolsFor(store, (key) => (key === training ? needs : idleNeeds())))
    const rounds = store.url.startsWith('file:') ? 40 : 12
    let busy = 0
    const counts = { passes: 0, deleted: 0, takenBack: 0, read: 0, made: 0, resumed: 0 }
    const during = (work: () => Promise<void>) => {
      busy += 1
      return work().finally(() => {
        busy -= 1
      })
    }

    const collect = async () => {
      while (busy > 0) {
        const { decisions } = await collector.pass(atOnce)
        counts.passes += 1
        counts.deleted += decisions.filter(({ action }) => action === 'delete').length
        counts.takenBack += decisions.filter(({ action }) => action === 'take back').length
        await pause(number(20))
      }
    }

    // Half of them ask the collector to take its mark back, as a submission does; the others only follow the protocol.
    const plan = async (name: string) => {
      for (let round = 0; round < rounds; round++) {
        const key = jobs[number(jobs.length)] ?? expect.fail()
        const run = `r-${name}-${round}`
        await pin(store, run, [key])
        if (number(2) === 0) await collector.settle([key])
        const artifact = await availableArtifact(store, key)
        if (artifact) {
          await pause(number(30))
          expect(await verifyArtifact(store, artifact, 'content'), `seed ${seed}`).toEqual([])
          counts.read += 1
        } else if (number(2) === 0) {
          await make(store, key)
          counts.made += 1
        }
        await unpin(store, run)
        await pause(number(20))
      }
    }

    /** Attempts follow one another, each told what the lineage has; a replaced one may commit late. */
    const train = async () => {
      let step = 0
      let frozen: number | null = null
      for (let round = 0; round < rounds / 4; round++) {
        const { fence, told } = await place(store, training)
        await pause(number(60))
        needs.attempts = [
          ...needs.attempts.map((one) => ({ ...one, standing: 'ended' as const })),
          { shard: 0, fence, standing: 'live', resume: told },
        ]
        const resume = await availableManifests(store, training, 0, told)
        if (step > 0) expect(resume.length, `seed ${seed}`).toBeGreaterThan(0)
        await pause(number(30))
        for (const key of resume) expect(await verifyCheckpoint(store, key), `seed ${seed}`).toEqual([])
        const parent = resume[0] ?? null
        let newest = parent
        for (let saves = number(5); saves >= 0; saves--) {
          if (frozen !== null && number(2) === 0) await commit(store, training, frozen, step + 1000)
          if (number(3) === 0) await saveParts(store, training, fence, step + 5)
          step += 10
          newest = await commit(store, training, fence, step, parent)
          const order = await resumeOrder(store, training, 0)
          expect(order[0], `seed ${seed}`).toBe(newest)
          for (const key of order) {
            const problems = await verifyCheckpoint(store, key)
            // Collected since the list was made is fine; a manifest whose files are gone is not.
            if (problems.length > 0) expect(await store.head(key), `seed ${seed}: ${problems}`).toBeNull()
          }
          expect(await verifyCheckpoint(store, newest), `seed ${seed}`).toEqual([])
        }
        counts.resumed += resume.length
        frozen = fence
      }
    }

    await Promise.all([...['a', 'b', 'c'].map((name) => during(() => plan(name))), during(train), collect()])
    console.log(JSON.stringify(counts))
    expect(counts.deleted).toBeGreaterThan(0)
    expect(counts.read).toBeGreaterThan(0)

    needs.attempts = needs.attempts.map((one) => ({ ...one, standing: 'ended' as const }))
    await collector.pass(atOnce)
    await collector.pass(atOnce)
    expect(await listMarks(store)).toEqual([])
    expect((await resumeOrder(store, training, 0)).length).toBe(2)
    const left = await keys(store, `jobs/${training}`)
    expect(left.filter((key) => key.endsWith('.bin'))).toHaveLength(4)
  })

  test('a collector that is killed at any step leaves nothing that names what is gone, and the next one finishes', async () => {
    const store = await open()
    const stride = store.url.startsWith('file:') ? 2 : 13
    let died = true
    for (let point = 1; died; point += stride) {
      const [published, training] = [jobKey(2 * point), jobKey(2 * point + 1)]
      await make(store, published)
      await commit(store, published, 1, 10)
      for (const steps of [[10, 20, 30], [40]]) {
        const { fence, told } = await place(store, training)
        for (const step of steps) await commit(store, training, fence, step, told[0])
        await saveParts(store, training, fence, 50)
      }
      died = await collectUntil(store, point)
      const artifact = await readArtifact(store, published)
      if (artifact) expect(await verifyArtifact(store, artifact, 'content'), `killed at ${point}`).toEqual([])
      for (const { key } of await listCheckpoints(store, training, 0))
        expect(await verifyCheckpoint(store, key), `killed at ${point}`).toEqual([])

      const collector = collectorOf(store)
      for (let left = 1; left > 0; ) left = (await collector.pass(atOnce)).decisions.length
      expect(await keys(store, 'gc')).toEqual([])
      expect(await keys(store, `jobs/${published}`)).toEqual([`jobs/${published}/s0/fences/1.json`])
      const folders = (await keys(store, `jobs/${training}/s0`)).map((key) =>
        key.split('/s0/')[1]?.replace(/\/[^/]+$/, ''),
      )
      expect([...new Set(folders)]).toEqual(['1/checkpoints/30', '2/checkpoints/40', '2/checkpoints/50', 'fences'])
    }
  })

  /** Whether it was killed before it was done. */
  async function collectUntil(store: Store, point: number): Promise<boolean> {
    const { url, endpoint = '' } = address(store)
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'collect-until.ts'), url, endpoint, String(point)],
      {
        stdio: 'inherit',
      },
    )
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
    expect(code === 0 || signal === 'SIGKILL').toBe(true)
    return signal === 'SIGKILL'
  }
})
