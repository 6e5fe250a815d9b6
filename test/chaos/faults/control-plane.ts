import { setTimeout as pause } from 'node:timers/promises'
import { type FaultPoint, faultPoints } from '../../../orchestrator/fault-point.ts'
import { between, type Fault, now, pick } from '../fault.ts'
import { Loss } from '../loss.ts'
import { serves } from '../recovery.ts'

export const daemonKilled: Fault = {
  about: 'the control plane: kill -9, and started again',
  strike: async (strike) => {
    const daemon = await strike.world.daemon()
    const at = now()
    await daemon.kill()
    await strike.world.start()
    return { at, recovered: serves(strike) }
  },
}

export const daemonKilledAtStart: Fault = {
  about: 'the control plane: kill -9, and again while it starts',
  strike: async (strike) => {
    const { world, dice, signal } = strike
    await (await world.daemon()).kill()
    const at = now()
    const over = new AbortController()
    const starting = world.start({}, over.signal)
    starting.catch(() => {})
    await pause(between(0, 1000, dice), undefined, { signal })
    over.abort()
    await starting.catch(() => {})
    await world.start()
    return { at, recovered: serves(strike) }
  },
}

export const daemonStopped: Fault = {
  about: 'the control plane: SIGTERM, and started again',
  strike: async (strike) => {
    const daemon = await strike.world.daemon()
    const at = now()
    await daemon.stop()
    await strike.world.start()
    return { at, recovered: serves(strike) }
  },
}

/** Those that only come when a run is cancelled, which is not done meanwhile. */
const NEED_CANCEL: readonly string[] = ['claim-revoked', 'stop-recorded'] satisfies FaultPoint[]
const REACHED_WITHIN_MS = 5000

export const daemonKilledAtPoint: Fault = {
  about: 'the control plane: kill -9 at a step of the launch protocol',
  strike: async (strike) => {
    const { world, dice, signal } = strike
    const points = Object.keys(faultPoints).filter((point) => !NEED_CANCEL.includes(point))
    const point = `${pick(points, dice)}:${1 + Math.floor(dice() * 3)}`
    await (await world.daemon()).stop()
    const over = new AbortController()
    const tooLong = setTimeout(() => over.abort(), REACHED_WITHIN_MS)
    const ended = world.start({ ORCHESTRATE_FAULT: point }, over.signal).then(
      (daemon) => daemon.exited,
      () => {}, // at one of its first steps already
    )
    await ended
    clearTimeout(tooLong)
    const at = now()
    signal.throwIfAborted()
    await world.start()
    const recovered = serves(strike)
    // A step that it never got to: then it was killed at none.
    return { at, recovered: over.signal.aborted ? recovered.then(() => null) : recovered }
  },
}

export const secondDaemon: Fault = {
  about: 'a second control plane on the same state directory',
  strike: async (strike) => {
    const at = now()
    const refused = await strike.world.startAnother().then(
      () => null,
      (error: { code?: string }) => error.code ?? 'no code',
    )
    if (refused !== 'DAEMON_RUNNING') throw new Loss(`a second daemon was not refused as it should be: ${refused}`)
    return { at, recovered: serves(strike) }
  },
}

export const daemonReplaced: Fault = {
  about: 'the control plane: kill -9, and a standby takes over',
  strike: async (strike) => {
    const takeOver = await strike.world.startStandby()
    const at = now()
    await (await strike.world.daemon()).kill()
    await takeOver()
    return { at, recovered: serves(strike) }
  },
}
