"""An attempt on several nodes, or in containers that srun starts."""

import os
import subprocess
import sys
import time

from launcher.job import Job
from launcher.launch import SIGNALS, reserve_port
from launcher.quick import Json, deliver, reserve_json
from launcher.slurm.batch_file import Batch
from launcher.slurm.conduct import Conduct
from launcher.slurm.crew import Crew
from launcher.slurm.judge import NodeError
from launcher.slurm.record import failure, merge, read_nodes, read_ranks
from launcher.slurm.stop_reason import StopReason


def run_on_nodes(directory: str, job: Job, batch: Batch, reason: StopReason) -> dict[str, Json]:
    """Returns what is to be written into exit.json."""
    started = time.time()
    crew: Crew | None = None
    cause: str | None = None
    trouble: Exception | None = None
    try:
        reserve_json(f"{directory}/exit.json", 8192 + 512 * job.ranks)
        names = node_names()
        ports = reserve_port(), reserve_port()
        crew = Crew(srun_command(directory, job, batch), len(names), deliver(*SIGNALS))
        conduct = Conduct(crew, batch, names, reason)
        try:
            conduct.run(ports)
        finally:
            cause = conduct.cause
            crew.close()
    except (NodeError, OSError, ValueError) as error:
        trouble = error
    except Exception as error:
        sys.excepthook(*sys.exc_info())  # a mistake of the launcher: its stack goes to launcher.log
        trouble = RuntimeError(f"{type(error).__name__}: {error}")
    records = read_nodes(directory, job.nodes)
    each = job.ranks // job.nodes
    others = [range(node * each, (node + 1) * each) for node in range(job.nodes) if node not in records]
    merged = merge(records, [record for ranks in others for record in read_ranks(directory, ranks)], cause)
    if trouble is not None:
        return {**failure(directory, started, trouble), **merged}
    # Of its own accord a node can't say: its launcher could not start the ranks.
    said = next((record for record in records.values() if record["message"] is not None), None)
    return {
        "attempt": job.attempt,
        "cause": "launcher" if said else cause or "ranks",
        **merged,
        "startedAt": started * 1000,
        "endedAt": time.time() * 1000,
        "message": said["message"] if said else None,
        "code": said["code"] if said else None,
        "nodes": [],
    }


def srun_command(directory: str, job: Job, batch: Batch) -> list[str]:
    return [
        "srun",
        f"--nodes={job.nodes}",
        f"--ntasks={job.nodes}",
        "--ntasks-per-node=1",
        f"--cpus-per-task={job.cores}",  # srun has not taken that over from sbatch since 22.05
        "--mpi=none",
        "--kill-on-bad-exit=1",
        *batch.srun,
        *batch.prefix,
        *batch.launcher,
        "node",
        directory,
    ]


def node_names() -> list[str]:
    """Of this job, in the order of their numbers. Raises ValueError when Slurm doesn't tell."""
    listed = os.environ.get("SLURM_JOB_NODELIST", "")
    done = subprocess.run(["scontrol", "show", "hostnames", listed], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ValueError(f"scontrol can't tell the nodes of {listed}: {done.stderr.strip()}")
    return done.stdout.split()
