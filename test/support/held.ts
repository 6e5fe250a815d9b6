import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Client } from '../../orchestrator/cli/client/client.ts'
import { submitFile, writeWorker } from './pipelines.ts'
import { until } from './until.ts'

export type Held = {
  file: string
  /** Lets stages end, by name. */
  letGo: (...stages: string[]) => Promise<void>
}

/**
 * A pipeline of foreign stages, of which those that count go on until they are let go, or the test is over (give them far
 * more steps than there is time for): whatever a test does meanwhile, and however slow the machine, none has ended first.
 */
export async function writeHeld(stages: string, edit = (source: string): string => source): Promise<Held> {
  const folder = await mkdtemp(join(tmpdir(), 'orc-h-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = await writeWorker(folder, (source) => edit(holding(folder)(source)), stages)
  return {
    file,
    letGo: async (...names) => {
      for (const stage of names) await writeFile(join(folder, `go.${stage}`), '')
    },
  }
}

/** Submits such a pipeline; resolves when every stage that counts is at work, in all its shards. */
export async function submitHeld(client: Client, stages: string): Promise<Held & { run: string }> {
  const held = await writeHeld(stages)
  const { run } = await submitFile(client, held.file)
  await until(client, run, ({ jobs }) =>
    jobs.every(({ needs, shards }) => needs.length > 0 || shards.running === shards.total),
  )
  return { ...held, run }
}

const holding = (folder: string) => (source: string) =>
  source.replace(
    '    for step in range(config["steps"]):\n',
    `$&        if not os.path.exists("${folder}") or os.path.exists(f"${folder}/go.{job['stage']}"):
            break
`,
  )
