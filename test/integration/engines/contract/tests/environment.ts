import { expect, test } from 'vitest'
import { z } from 'zod'
import { endOf, ends, type Lab } from '../lab.ts'

const Facts = z.object({
  env: z.record(z.string(), z.string()),
  ignored: z.array(z.int()),
  blocked: z.array(z.int()),
  stdin: z.string(),
  leader: z.boolean(),
  secrets: z.json(),
  mode: z.int().nullable(),
  files: z.array(z.string()),
})

export function environment(lab: Lab): void {
  test('ranks are told who they are, and nothing that is not for them', async () => {
    process.env.DAEMON_SECRET = 'not for workers'
    const launch = lab.job(['describe'], { ranks: 2, cores: 4 })
    Object.assign(launch.env, lab.place.env)
    launch.secrets.TOKEN = 'hush-7f3a'
    const { attempt } = launch.job
    await lab.engine.launch(launch)
    expect(ends(await endOf(lab.engine, attempt))).toEqual([0, 0])
    delete process.env.DAEMON_SECRET
    const facts = [0, 1].map((rank) => Facts.parse(JSON.parse(lab.read(attempt, `events.${rank}.jsonl`))))
    for (const [rank, fact] of facts.entries()) {
      expect(fact.env).toMatchObject({
        RANK: `${rank}`,
        LOCAL_RANK: `${rank}`,
        WORLD_SIZE: '2',
        LOCAL_WORLD_SIZE: '2',
        MASTER_PORT: facts[0]?.env.MASTER_PORT,
        MASTER_ADDR: facts[0]?.env.MASTER_ADDR,
        CUDA_VISIBLE_DEVICES: '',
        OMP_NUM_THREADS: '2',
        PYTHONUNBUFFERED: '1',
        PYTHONHASHSEED: '0',
        ...lab.place.env,
      })
      expect(fact.env.ORCHESTRATE_ATTEMPT_DIR?.endsWith(attempt)).toBe(true)
      expect(Object.values(fact.env)).not.toContain('not for workers')
      expect(fact.files).toContain('rank.py') // in its code, which is first on its path
      // SIGUSR1 and SIGUSR2 by contract; SIGPIPE and SIGXFSZ are Python's own doing.
      expect(fact).toMatchObject({ ignored: [10, 12, 13, 25], blocked: [] })
      // It was told the secret, and where that slips into an event it is struck out.
      expect(fact).toMatchObject({
        stdin: '',
        leader: true,
        secrets: { TOKEN: '*'.repeat('hush-7f3a'.length) },
        mode: 0o600,
      })
    }
  })
}
