import type { Fault } from './fault.ts'
import { cancelled } from './faults/cancel.ts'
import { checkpointDamaged } from './faults/checkpoints.ts'
import * as control from './faults/control-plane.ts'
import * as disks from './faults/disks.ts'
import { gatewayKilled } from './faults/gateway.ts'
import * as redis from './faults/redis.ts'
import * as workers from './faults/workers.ts'

/** `share`: how many are in a deck. `kills`: how often it kills the control plane with -9. */
type Listed = { fault: Fault; share: number; kills?: number }

/** All of them by name. */
export const faults: Record<string, Listed> = {
  'rank-killed': { fault: workers.rankKilled, share: 2 },
  'gang-killed': { fault: workers.gangKilled, share: 2 },
  'launcher-killed': { fault: workers.launcherKilled, share: 2 },
  'guardian-killed': { fault: workers.guardianKilled, share: 1 },
  'attempt-killed': { fault: workers.attemptKilled, share: 2 },
  preempted: { fault: workers.preempted, share: 2 },
  'rank-frozen': { fault: workers.rankFrozen, share: 1 },
  'checkpoint-damaged': { fault: checkpointDamaged, share: 3 },
  cancelled: { fault: cancelled, share: 2 },
  asleep: { fault: workers.asleep, share: 1 },
  'daemon-killed': { fault: control.daemonKilled, share: 16, kills: 1 },
  'daemon-killed-at-start': { fault: control.daemonKilledAtStart, share: 4, kills: 2 },
  'daemon-killed-at-point': { fault: control.daemonKilledAtPoint, share: 6, kills: 1 },
  'daemon-stopped': { fault: control.daemonStopped, share: 1 },
  'daemon-replaced': { fault: control.daemonReplaced, share: 2, kills: 1 },
  'second-daemon': { fault: control.secondDaemon, share: 1 },
  'redis-killed': { fault: redis.redisKilled, share: 2 },
  'redis-emptied': { fault: redis.redisEmptied, share: 2 },
  'redis-full': { fault: redis.redisFull, share: 1 },
  'redis-frozen': { fault: redis.redisFrozen, share: 1 },
  'store-full': { fault: disks.storeFull, share: 2 },
  'store-read-only': { fault: disks.storeReadOnly, share: 1 },
  'state-full': { fault: disks.stateFull, share: 2 },
  'gateway-killed': { fault: gatewayKilled, share: 4 },
}
