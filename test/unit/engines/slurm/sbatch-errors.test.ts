import { expect, test } from 'vitest'
import { failureKind, refusalOf, saidBy } from '../../../../orchestrator/engines/slurm/sbatch-errors.ts'

const failed = (what: string) => `sbatch: error: Batch job submission failed: ${what}\n`

test.each([
  [failed('Unable to contact slurm controller (connect failure)'), 'silent'],
  ['slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n', 'silent'],
  ['squeue: error: s_p_parse_file: cannot stat file /etc/slurm/slurm.conf: No such file or directory\n', 'silent'],
  [failed('Protocol authentication error'), 'silent'],
  ['sbatch: error: If munged is up, restart with --num-threads=10\nsbatch: error: Munge encode failed\n', 'silent'],
  [failed('Slurm backup controller in standby mode'), 'silent'],
  [failed('Socket timed out on send/recv operation'), 'unsure'],
  [`sbatch: error: AssocMaxSubmitJobLimit\n${failed('Job violates accounting/QOS policy')}`, 'busy'],
  [`sbatch: error: QOSMaxSubmitJobPerUserLimit\n${failed('Job violates accounting/QOS policy')}`, 'busy'],
  [failed("Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"), 'busy'],
  [failed('Slurm temporarily unable to accept job, sleeping and retrying'), 'busy'],
  [failed('Invalid partition name specified'), 'refused'],
  [failed('Requested node configuration is not available'), 'refused'],
  ['sbatch: unrecognized option \'--foo\'\nTry "sbatch --help" for more information\n', 'refused'],
  ['', 'refused'],
])('%j is %s', (stderr, kind) => {
  expect(failureKind(stderr)).toBe(kind)
})

test.each([
  ['Invalid partition name specified', 'sinfo -s'],
  ['Invalid account or account/partition combination specified', 'accounts'],
  ['Invalid qos specification', 'sacctmgr'],
  ['Requested time limit is invalid (missing or exceeds some limit)', 'resources.time'],
  ['Requested reservation is invalid', 'scontrol show reservation'],
  ['Invalid feature specification', '%f'],
  ['Invalid generic resource (gres) specification', '%G'],
  ['Memory required by task is not available', '%m'],
  ['Requested node configuration is not available', '%c %m %G'],
])('%s: it is said what to do', (what, advice) => {
  expect(refusalOf(failed(what))).toMatch(`Slurm refuses it: Batch job submission failed: ${what} (`)
  expect(refusalOf(failed(what))).toContain(advice)
})

test('what Slurm says is said once, without the names of its programs', () => {
  const said = "sbatch: unrecognized option '--foo'\nsbatch: unrecognized option '--foo'\nTry \"sbatch --help\"\n"
  expect(saidBy(said)).toBe("unrecognized option '--foo'")
  expect(refusalOf('')).toBe('Slurm refuses it: without a word')
})
