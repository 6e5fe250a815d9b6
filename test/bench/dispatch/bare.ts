import { concurrently } from '../../../orchestrator/store/concurrently.ts'
import { firstLineAt, now, runTask } from '../by-hand.ts'
import type { Prepare } from './way.ts'

/** The worker's process and nothing else. */
export const bare: Prepare = async ({ atOnce, tasks }) => [
  {
    name: 'bare process',
    jobs: 100,
    first: async () => {
      const [task] = await tasks(1)
      if (!task) throw new Error('no task')
      const from = now()
      await runTask(task)
      return (await firstLineAt(task.directory)) - from
    },
    many: async (count) => {
      const all = await tasks(count)
      const from = now()
      await concurrently(all, runTask, atOnce)
      return now() - from
    },
  },
]
