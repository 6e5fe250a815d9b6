import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { faultPoint } from '../../fault-point.ts'
import { launchFailed, minimalEnvironment } from './start-launcher.ts'

const program = fileURLToPath(new URL('../../../worker-images/launcher/spawner.py', import.meta.url))

type Asked = { answered: (word: 'claimed or taken' | { end: string } | null) => void; ended: () => void }

/**
 * A small process that starts launchers by forking: in a fifth of the time that a new Python takes, and without this
 * process, which is large, being forked itself. It ends with this process; its launchers don't.
 */
export class Spawner {
  readonly #python: string
  readonly #asked = new Map<number, Asked>()
  #child: ChildProcess | null = null
  #number = 0
  #unanswered = 0

  constructor(python: string) {
    this.#python = python
  }

  /** Has it ready for the first launch. One that can't be started, or was killed, is started again when it is needed. */
  warmUp(): void {
    if (this.#child) return
    // -I and -S: neither the user's environment nor the worker's packages have a say, nor cost time.
    const child = spawn(this.#python, ['-I', '-S', program], {
      cwd: '/',
      env: minimalEnvironment(),
      detached: true, // a session of its own: a terminal's Ctrl-C is not for it
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    this.#child = child
    const gone = (): void => {
      if (this.#child === child) this.#child = null
      for (const asked of this.#asked.values()) {
        asked.answered(null)
        asked.ended() // perhaps not, but nobody here will be told
      }
      this.#asked.clear()
    }
    child.once('error', gone)
    child.once('close', gone)
    child.stdin?.on('error', () => {}) // it has gone, which is told apart
    if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => this.#hear(line))
    child.unref()
    ;(child.stdin as Socket | null)?.unref()
    this.#holdOn()
  }

  /**
   * Starts a launcher, and returns when it has claimed the attempt or found it claimed; null when it could not be asked,
   * or died before it answered. `exited` resolves when the launcher has ended, or this can't be told any more.
   */
  async start(directory: string, env: Record<string, string>): Promise<{ exited: Promise<void> } | null> {
    this.warmUp()
    const number = this.#number++
    const answered = Promise.withResolvers<'claimed or taken' | { end: string } | null>()
    const exited = Promise.withResolvers<void>()
    this.#asked.set(number, { answered: answered.resolve, ended: exited.resolve })
    const request = { number, directory, env: { ...minimalEnvironment(), ...env } }
    this.#child?.stdin?.write(`${JSON.stringify(request)}\n`)
    faultPoint('launcher-asked')
    this.#unanswered += 1
    this.#holdOn()
    const answer = await answered.promise
    this.#unanswered -= 1
    this.#holdOn()
    if (answer === null) return null
    if (answer !== 'claimed or taken') throw await launchFailed(directory, answer.end)
    return { exited: exited.promise }
  }

  close(): void {
    this.#child?.stdin?.end()
  }

  /** Only a question is a reason for this process to stay. */
  #holdOn(): void {
    const pipe = this.#child?.stdout as Socket | null | undefined
    if (this.#unanswered > 0) pipe?.ref()
    else pipe?.unref()
  }

  #hear(line: string): void {
    const [number = '', word, end = ''] = line.split(' ')
    const asked = this.#asked.get(Number(number))
    if (!asked) return
    if (word !== 'exited') return asked.answered('claimed or taken')
    this.#asked.delete(Number(number))
    asked.answered({ end })
    asked.ended()
  }
}
