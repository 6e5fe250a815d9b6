/**
 * What a reason of Slurm says of a job that waits.
 * - waits: it will start by itself
 * - held: somebody has to release it
 * - limited: it waits until others of the same account, user or QOS have ended, or a budget grows
 * - stuck: not as it was asked for, unless an administrator changes something
 * - starting: Slurm is at it
 * - ended: why it is over, not why it waits
 */
export type ReasonKind = 'waits' | 'held' | 'limited' | 'stuck' | 'starting' | 'ended'

type Meaning = { kind: ReasonKind; words: string }

const waits = (words: string): Meaning => ({ kind: 'waits', words })
const held = (words: string): Meaning => ({ kind: 'held', words })
const limited = (words: string): Meaning => ({ kind: 'limited', words })
const stuck = (words: string): Meaning => ({ kind: 'stuck', words })
const starting = (words: string): Meaning => ({ kind: 'starting', words })
const ended = (words: string): Meaning => ({ kind: 'ended', words })

/** JOB REASON CODES of Slurm, until 25.11, but for the families of limits below. */
const reasons: Record<string, Meaning> = {
  AccountNotAllowed: stuck('the partition does not admit its account'),
  AccountingPolicy: limited('a limit of the accounting holds it back'),
  AssociationJobLimit: limited('its account has as many jobs as it may'),
  AssociationResourceLimit: limited('its account uses as much as it may'),
  AssociationTimeLimit: limited('its account has used up its time'),
  BadConstraints: stuck('no node of the cluster has what it asks for'),
  BeginTime: waits('it may not begin before a time that it was given'),
  BurstBufferOperation: stuck('an operation of its burst buffer failed'),
  BurstBufferResources: waits('its burst buffer has no room yet'),
  BurstBufferStageIn: starting('its burst buffer is being filled'),
  Cleaning: starting('what is left of an earlier run of it is being tidied up'),
  Constraints: waits('no node that is up has the features that it asks for'),
  DeadLine: ended('its deadline has passed'),
  Dependency: waits('it depends on another job'),
  DependencyNeverSatisfied: stuck('it depends on a job that did not end as it should have'),
  FedJobLock: starting('clusters of a federation agree on who runs it'),
  FrontEndDown: waits('no front end of the cluster is up'),
  InactiveLimit: ended('it was idle for too long'),
  InvalidAccount: stuck('its account is not valid'),
  InvalidQOS: stuck('its QOS is not valid'),
  JobArrayTaskLimit: limited('as many tasks of its array run as may'),
  JobHeldAdmin: held('an administrator holds it'),
  JobHeldUser: held('its user holds it'),
  JobHoldMaxRequeue: held('it was put back too often'),
  JobLaunchFailure: ended('it could not be launched on its nodes'),
  Licenses: waits('a licence is not free'),
  MaxMemPerLimit: stuck('it asks for more memory than a job may'),
  MaxPoweredUpNodes: waits('as many nodes are powered up as may be'),
  MpiPortsBusy: waits('ports for MPI are not free'),
  NodeDown: waits('a node that it needs is down'),
  NonZeroExitCode: ended('it ended with an exit code'),
  None: starting('Slurm has not looked at it yet'),
  OutOfMemory: ended('it ran out of memory'),
  PartitionConfig: stuck('its partition is not set up for what it asks for'),
  PartitionDown: waits('its partition is down'),
  PartitionInactive: waits('its partition is inactive'),
  PartitionNodeLimit: stuck('its partition has fewer nodes than it asks for, or too many of them are down'),
  PartitionTimeLimit: stuck('it asks for more time than its partition gives'),
  Priority: waits('jobs of a higher priority are ahead of it'),
  Prolog: starting('its nodes are being prepared'),
  QOSJobLimit: limited('its QOS has as many jobs as it may'),
  QOSNotAllowed: stuck('its partition or account does not admit its QOS'),
  QOSResourceLimit: limited('its QOS uses as much as it may'),
  QOSTimeLimit: limited('its QOS has used up its time'),
  QOSUsageThreshold: limited('its QOS asks for a higher standing than its account has'),
  RaisedSignal: ended('it was ended by a signal'),
  ReqNodeNotAvail: waits('nodes that it needs are down, drained, reserved or in use'),
  Reservation: waits('its reservation has not begun, or has no room'),
  ReservationDeleted: stuck('its reservation was deleted'),
  ReservationInvalid: stuck('its reservation is not valid'),
  Resources: waits('the nodes that it asks for are not free'),
  SchedDefer: waits('it could not start at once, and waits its turn'),
  SystemFailure: ended('Slurm, a file system or the network failed'),
  TimeLimit: ended('it used up its time'),
  WaitingForScheduling: starting('Slurm has not looked at it yet'),
}

/** Families with a member for each resource: `QOSGrpGRES`, `AssocMaxCpuMinutesPerJobLimit`, `MaxNodePerAccount` … */
const families: [RegExp, (name: string) => Meaning][] = [
  [
    /^(Assoc|QOS)Max\w+(PerJob|PerNode)(Limit)?$|^QOSMin\w+$/,
    (name) => stuck(`it asks for more, or less, than one job may (${name})`),
  ],
  [/^Assoc(Grp|Max)\w+$/, (name) => limited(`its account has reached a limit (${name})`)],
  [/^QOS(Grp|Max)\w+$/, (name) => limited(`its QOS has reached a limit (${name})`)],
  [/^Max\w+Per(Account|User)$/, (name) => limited(`its account or user has reached a limit of the QOS (${name})`)],
]

/** Sentences that slurmctld writes into the place of a reason. */
const sentences: [RegExp, Meaning][] = [
  [/launch failed requeued held/i, held('Slurm could not launch it, has put it back, and holds it')],
  [/requeued?.* held|held.* requeue/i, held('Slurm has put it back, and holds it')],
  [/^ReqNodeNotAvail/, waits('nodes that it needs are down, drained, reserved or in use')],
  [/^Nodes? required for job are DOWN, DRAINED/i, waits('nodes that it needs are down, drained or reserved')],
]

/** Null for a reason that isn't known here. */
export function reasonOf(reason: string): Meaning | null {
  const [name = ''] = reason.split(/[:,(]/)
  if (Object.hasOwn(reasons, name.trim())) return reasons[name.trim()] ?? null
  for (const [pattern, meaning] of families) if (pattern.test(reason)) return meaning(reason)
  for (const [pattern, meaning] of sentences) if (pattern.test(reason)) return meaning
  return null
}

/** Why a job waits, in words, with what to type where somebody has to do something. */
export function whyPending({ state, reason, id }: { state: string; reason: string; id: string }): string {
  if (state === 'CONFIGURING' || state === 'POWER_UP_NODE') return `Slurm: ${state}: its nodes are being made ready`
  const meaning = reasonOf(reason)
  if (meaning === null) return `Slurm: ${reason || state}`
  const said = meaning.words.includes(reason) ? meaning.words : `${reason}: ${meaning.words}`
  switch (meaning.kind) {
    case 'held':
      return `Slurm: ${said}; \`scontrol release ${id}\` lets it go, \`scancel ${id}\` ends it`
    case 'stuck':
      return `Slurm: ${said}; it will not start as it is: change the pool or its resources, or ask an administrator`
    case 'waits':
    case 'limited':
    case 'starting':
    case 'ended':
      return `Slurm: ${said}`
    default:
      return meaning.kind satisfies never
  }
}
