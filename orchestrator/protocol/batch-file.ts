import { z } from 'zod'

// Written by the Slurm engine beside job.json, read by the launcher (worker-images/launcher/batch.py). What the engine does:
//
// - The job's script is `#!/bin/sh` and `exec <launcher…> batch <attempt directory>`: exec, so that signals reach the batch
//   step itself. Submit with `--export=ALL` in an environment that holds what ranks may see and nothing else, as NONE, NIL and
//   a list make Slurm ask a login shell, which takes seconds; with `--nodes`, `--ntasks-per-node=1`, `--cpus-per-task=<cores>`,
//   `--gpus-per-node`, `--no-requeue`, and `--signal=B:USR1@<seconds>`.
// - Signals go to the batch step alone, which tells every node, also one that only starts: `scancel --batch --signal=TERM`
//   (USR1, USR2; QUIT to kill the ranks and still get a record). Never with `--full`: srun would kill its tasks on TERM.
// - job.json's `ranks` counts all ranks, `nodes` the nodes; `cores`, `memory` and `gpus` are of one node. Which GPUs they are
//   only Slurm knows: `gpus` there can hold any ids, and the ranks get, one each, what Slurm gave to their node.
// - exit.json is the end, with `code` NODE_BAD (the check before the start) or NODE_LOST (a node that no longer answers) and
//   `nodes` to blame. exit.node<N>.json is what each node had to say, exit.<rank>.json each rank.

/** What is looked at on every node before the ranks are started. */
const Check = z.strictObject({
  /** Bytes that have to be free in the attempt directory and in the node's folder for temporary files. */
  disk: z.int().min(0),
  /** Seconds by which a node's clock may differ from the first one's. */
  skew: z.number().positive(),
  /** Seconds that a node has for each part of the check. */
  patience: z.number().positive(),
})

/** `batch.json`: what the batch step of an attempt on Slurm is told, beside job.json. */
export const BatchFile = z.strictObject({
  protocol: z.literal(1),
  /** argv that starts a launcher on a node; `node <attempt directory>` is appended. */
  launcher: z.array(z.string()).min(1),
  /** Options for srun: pyxis' `--container-image=…`. */
  srun: z.array(z.string()),
  /** Goes before `launcher`: an Apptainer command line. */
  prefix: z.array(z.string()),
  /** GPUs that each node was asked for. */
  gpus: z.int().min(0),
  /**
   * - nodes: GPUs visible, disk, clock, every node reaches every other, a small sum over all of them
   * - ranks: then also `command`, started once per rank as the ranks will be; every one has to end with 0
   */
  preflight: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('off') }),
    Check.extend({ kind: z.literal('nodes') }),
    Check.extend({ kind: z.literal('ranks'), command: z.array(z.string()).min(1) }),
  ]),
  /** Seconds without a word after which a node is given up. */
  silence: z.number().positive(),
})
export type BatchFile = z.infer<typeof BatchFile>
