import { Command } from 'commander'
import { connectIfRunning } from '../client/connect.ts'
import { endDaemon } from '../client/end-daemon.ts'
import { type Connection, examples, withConnection } from '../options.ts'

export function command(): Command {
  const stop = new Command('stop')
    .description('Ends the daemon. Attempts go on; the next command starts a daemon that adopts them.')
    .action(async (options: Connection) => {
      const found = await connectIfRunning(options)
      if (found === null) {
        process.stdout.write('no daemon runs\n')
        return
      }
      await endDaemon(found)
      process.stdout.write('the daemon has ended; attempts go on\n')
    })
  return examples(withConnection(stop), ['orchestrate stop'])
}
