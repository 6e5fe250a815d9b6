"""The batch step of an attempt on Slurm: on the first of its nodes, from the claim to exit.json."""

import os
import time
from _collections_abc import Callable

from launcher.gang import Gang
from launcher.job import Job
from launcher.launch import SIGNALS, mask_events, own_session, remove_secrets, reserve_port, run_ranks
from launcher.place import Place
from launcher.quick import SIGUSR1, SIGUSR2, block, ignore, write_json
from launcher.slurm.batch_file import Batch
from launcher.slurm.claim import claim_for
from launcher.slurm.fitness import devices, what_is_wrong
from launcher.slurm.judge import NodeError
from launcher.slurm.record import Record, failure
from launcher.slurm.stop_reason import StopReason


def main(directory: str, say: Callable[[str], None]) -> int:
    """Returns 0 when the attempt's end is in exit.json, or is another job's to write."""
    job = os.environ["SLURM_JOB_ID"]
    block(*SIGNALS)
    ignore(SIGUSR1, SIGUSR2)
    if not claim_for(directory, job):
        say("taken")
        return 0
    say("claimed")
    reason = StopReason(job)
    end = _run(directory, reason)
    if end["cause"] == "signal" and reason.is_time():
        end["cause"] = "time"
    mask_events(directory)
    remove_secrets(directory)
    write_json(f"{directory}/exit.json", end)
    return 0


def _run(directory: str, reason: StopReason) -> Record:
    try:
        job = Job(f"{directory}/job.json")
        batch = Batch(directory)
    except (OSError, ValueError) as error:
        return failure(directory, time.time(), error)
    if job.nodes == 1 and not batch.srun and not batch.prefix:
        return _run_here(directory, job, batch, reason)
    from launcher.slurm.several import run_on_nodes

    return run_on_nodes(directory, job, batch, reason)


def _run_here(directory: str, job: Job, batch: Batch, reason: StopReason) -> Record:
    """On one node the batch step is the launcher: a step of its own would cost time, and change nothing."""
    started = time.time()
    name = os.environ.get("SLURMD_NODENAME", "")

    def place(job: Job) -> Place:
        return Place(job, directory, reserve_port()).on_node(0, 1, name, "127.0.0.1", devices())

    def gather(job: Job) -> Gang:
        nothing = os.open("/dev/null", os.O_RDONLY)  # in place of a lock: see claim.py
        return Gang(job, directory, own_session(), nothing, place(job))

    check = batch.check
    trouble = what_is_wrong(directory, batch.gpus, len(devices()), check)
    if trouble is None and check is not None and check.command is not None:
        from launcher.slurm.trial import try_command

        trouble = try_command(check.command, job, directory, place(job), check.patience)
    if trouble is not None:
        message = f"the check before the start: {name} {trouble}"
        return failure(directory, started, NodeError("NODE_BAD", message, [name]))
    end = run_ranks(directory, f"{directory}/exit.json", gather)
    if end["cause"] == "signal":
        reason.ask()
    return {**end, "nodes": []}
