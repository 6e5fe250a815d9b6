import { join } from 'node:path'
import pino, { type Logger } from 'pino'

/** What is kept to be written later, when the disk of the log is full. */
const HELD_BYTES = 4 << 20

export type OpenedLog = { log: Logger; file: string }

/** The log of a state directory's daemon. */
export function openLog(stateDir: string): OpenedLog {
  const file = join(stateDir, 'logs', 'daemon.log')
  const destination = pino.destination({ dest: file, sync: false, mkdir: true, maxLength: HELD_BYTES })
  // A disk that is full ends no control plane: what couldn't be written is written with the next line that can be.
  destination.on('error', () => {})
  const log = pino({ level: process.env.ORCHESTRATE_LOG || 'info', base: { pid: process.pid } }, destination)
  return { log, file }
}
