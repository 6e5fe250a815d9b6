import './more-threads.ts'
import { flushCompileCache } from 'node:module'
import { parseArgs } from 'node:util'
import { OrchestrateError } from '../errors.ts'
import type { ErrorBody } from './api.ts'
import { startDaemon } from './daemon.ts'
import { openLog } from './open-log.ts'
import { bodyOf } from './routes/errors.ts'
import { makeStateDir, readSettings } from './settings.ts'
import { standBy } from './stand-by.ts'

/*
 * The daemon's process: `node main.ts --state DIR [--host H --port P] [--foreground] [--standby]`. Says one line of JSON
 * on standard output when it answers (`{"ready": …}`) or why it can't (an ErrorBody), so that whoever started it need not
 * guess; before that, as a standby, whom it waits for (`{"standby": …}`).
 */
const { values } = parseArgs({
  options: {
    state: { type: 'string' },
    host: { type: 'string' },
    port: { type: 'string' },
    foreground: { type: 'boolean', default: false },
    standby: { type: 'boolean', default: false },
  },
})

try {
  const settings = readSettings(process.env, {
    ...(values.state === undefined ? {} : { state: values.state }),
    ...(values.host === undefined ? {} : { host: values.host }),
    ...(values.port === undefined ? {} : { port: Number(values.port) }),
    foreground: values.foreground,
  })
  makeStateDir(settings.stateDir)
  const { log } = openLog(settings.stateDir)
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'uncaught')
    log.flush()
    process.exit(1)
  })
  const daemon = await (values.standby
    ? standBy(settings, log, (standby) => say({ standby }))
    : startDaemon(settings, log))
  process.on('SIGTERM', daemon.stop)
  process.on('SIGINT', daemon.stop)
  process.on('SIGHUP', () => {}) // the terminal that started it may close
  say({ ready: daemon.health() })
  flushCompileCache() // at an end that kill -9 makes it would not be kept for the next start
  await daemon.stopped
  log.info('stopped')
  log.flush(() => process.exit(0))
} catch (error) {
  const body: ErrorBody =
    error instanceof OrchestrateError
      ? bodyOf(error)
      : {
          code: 'INTERNAL',
          message: `the daemon could not start: ${(error as Error).message}`,
          hint: '`orchestrate doctor` checks the machine',
          exit: 4,
        }
  say(body)
  process.exit(body.exit)
}

function say(line: object): void {
  process.stdout.on('error', () => {}) // whoever started it may be gone already
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
