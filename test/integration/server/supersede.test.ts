import { execFileSync } from 'node:child_process'
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { ended, makeState, startDaemon, until } from '../../support/daemon.ts'
import { writeHeld } from '../../support/held.ts'
import { submitFile } from '../../support/pipelines.ts'

test('a newer commit takes the place of the older run, which says so; what both want goes on, and a pinned one stays', async () => {
  const { client } = await startDaemon(await makeState(), { ORCHESTRATE_CORES: '8' })
  const held = await writeHeld(
    '  shared: { entry: count, with: { steps: 1000000 } }\n  own: { entry: count, with: { steps: 900000 } }',
  )
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@localhost', ...args], {
      cwd: dirname(held.file),
      stdio: 'ignore',
    })
  const commit = () => git('commit', '--allow-empty', '-m', 'next')
  git('init')
  const options = { supersedes: 'owner/repo#12' }
  commit()
  const pinned = await submitFile(client, held.file, { ...options, pin: true })
  const older = await submitFile(client, held.file, options)
  const elsewhere = await submitFile(client, held.file, { supersedes: 'owner/repo#13' })
  await until(client, older.run, ({ jobs }) => jobs.every(({ state }) => state === 'running'))
  commit()
  const newer = await submitFile(client, held.file, { ...options, set: ['own.with.steps=800000'] })
  const over = await until(client, older.run, ended)
  expect(over).toMatchObject({ state: 'cancelled', supersededBy: newer.run })
  const again = await until(client, newer.run, ({ jobs }) => jobs.every(({ state }) => state === 'running'))
  expect(again.jobs.find(({ stage }) => stage === 'shared')?.attempts).toBe(1)
  for (const { run } of [pinned, elsewhere])
    expect(await client.run(run)).toMatchObject({ state: 'running', supersededBy: null })
  // A second submission of the same commit is no news.
  const same = await submitFile(client, held.file, options)
  await until(client, same.run, ({ jobs }) => jobs.every(({ state }) => state === 'running'))
  expect((await client.run(newer.run)).state).toBe('running')
  await Promise.all([pinned, elsewhere, newer, same].map(({ run }) => client.cancel(run, 'now')))
  for (const { run } of [pinned, elsewhere, newer, same]) await until(client, run, ended)
})
