/** Moments at which a control plane may die, each with what has just happened: the steps of the launch protocol and of what follows it. */
export const faultPoints = {
  'control-taken': 'the store belongs to this control plane; nothing has been looked at',
  'ledger-restored': 'what only the journal knew is back in the ledger; reservations and attempts are not compared yet',
  'jobs-defined': 'the jobs of a submission are in the ledger, and no run wants them',
  'run-submitted': 'the run is in the ledger; nobody was told so, and nobody was asked to look at it',
  'want-recorded': 'one job knows that the run wants it; the others perhaps not',
  'capacity-reserved': 'cores and GPUs are held for an attempt that has no fence',
  'fence-claimed': 'the store knows the fence, the ledger does not',
  'placed-recorded': 'the placement is in the ledger; nothing of it is on the host',
  'inputs-staged': 'code and inputs are on the host; the attempt has no job file',
  'job-file-written': 'the attempt directory holds job.json; no launcher was asked for',
  'launcher-asked': 'a launcher is being started; whether it has claimed the attempt is not known',
  'claim-seen': 'the launcher has claimed the attempt; the ledger still has it as placed',
  'started-recorded': 'the ledger knows that the attempt runs; nobody waits for its end',
  'claim-revoked': 'a placement can never start any more; the ledger still has it as placed',
  'stop-recorded': 'the ledger knows that the attempt was asked to end; no signal was sent',
  'exit-seen': 'the attempt is over; the ledger still has it as running',
  'exit-recorded': 'the end is in the ledger, and its reservation given back; its outputs are where it left them',
  'outputs-collected': 'the files of the outputs are in the store; their list is not',
  'outputs-listed': 'outputs.json is in the store; the ledger does not have the shard as committed',
  'shard-committed': 'the ledger has the shard as committed; the artifact has no pointer',
  'artifact-published': "the artifact's pointer is in the store; the ledger has the job as open",
  'success-recorded': 'the ledger has the job as succeeded; who waits for it was not told',
  'run-finished': 'the end of the run is in the ledger; its pins are still there, and it has no report',
  'journal-written': 'events are in the journal; the ledger still counts them as not mirrored',
  'journal-marked': 'events are in the journal, and the ledger knows it',
} as const satisfies Record<string, string>

export type FaultPoint = keyof typeof faultPoints

/**
 * Where the control plane dies, as `kill -9` would have it, when ORCHESTRATE_FAULT says so: `fence-claimed`, or
 * `fence-claimed:3` for the third time that it gets there. Costs nothing otherwise.
 */
export const faultPoint: (name: FaultPoint) => void = arm(process.env.ORCHESTRATE_FAULT)

function arm(wanted: string | undefined): (name: FaultPoint) => void {
  if (!wanted) return () => {}
  const [point = '', count = '1'] = wanted.split(':')
  if (!(point in faultPoints) || !/^[1-9]\d*$/.test(count))
    throw new Error(
      `ORCHESTRATE_FAULT is "${wanted}"; expected one of ${Object.keys(faultPoints).join(', ')}, perhaps with :<n>`,
    )
  let left = Number(count)
  return (name) => {
    if (name === point && --left === 0) process.kill(process.pid, 'SIGKILL')
  }
}
