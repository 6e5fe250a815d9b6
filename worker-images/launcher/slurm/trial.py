"""A worker's own check, once per rank and started as the ranks will be: whether GPUs compute and talk, for example."""

import os
import time

from launcher.job import Job
from launcher.place import Place
from launcher.quick import SIGKILL, signal_name
from launcher.rank import environment


def try_command(command: list[str], job: Job, directory: str, place: Place, patience: float) -> str | None:
    """Runs it to its end. What it prints goes to ``check.<rank>.log``.

    Returns:
        What went wrong first on this node, without a subject; None when every rank has ended with 0.
    """
    started: dict[int, int] = {}
    deadline = time.monotonic() + patience
    try:
        for rank in range(place.first, place.first + place.count):
            started[rank] = _start(command, job, directory, rank, place)
        waiting = dict(started)
        while waiting:
            for rank, pid in list(waiting.items()):
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    del waiting[rank], started[rank]
                    if status != 0:
                        return _sentence(directory, rank, os.waitstatus_to_exitcode(status))
            if time.monotonic() > deadline:
                return f"had not ended its check after {patience:g} s"
            time.sleep(0.05)
        return None
    except OSError as error:
        return f"could not start its check: {error}"
    finally:
        for pid in started.values():
            try:
                os.killpg(pid, SIGKILL)
            except ProcessLookupError:
                pass
            os.waitpid(pid, 0)


def _start(command: list[str], job: Job, directory: str, rank: int, place: Place) -> int:
    log = os.open(f"{directory}/check.{rank}.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
    try:
        os.chdir(job.code)
        return os.posix_spawnp(
            command[0],
            command,
            environment(job, directory, rank, place),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
            ],
            setpgroup=0,
            setsigmask=[],
        )
    finally:
        os.close(log)


def _sentence(directory: str, rank: int, code: int) -> str:
    end = f"ended with exit code {code}" if code > 0 else f"was killed by {signal_name(-code)}"
    with open(f"{directory}/check.{rank}.log", encoding="utf-8", errors="replace") as log:
        last = log.read()[-4096:].strip().rpartition("\n")[2]
    return f"failed its check: rank {rank} {end}{f': {last}' if last else ''}"
