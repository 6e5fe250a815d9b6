"""Why Slurm ends a job: a SIGTERM looks the same whether it is for a time limit or somebody's wish."""

import os
import time

from launcher.quick import SIGKILL


class StopReason:
    """Asked when the signal comes, for soon it may be too late, and read when there is time."""

    def __init__(self, job: str) -> None:
        self._job = job
        self._pid = 0
        self._answer = -1

    def ask(self) -> None:
        if self._pid:
            return
        self._answer, write = os.pipe()
        nothing = (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)
        try:
            self._pid = os.posix_spawnp(
                "squeue",
                ["squeue", "--noheader", f"--jobs={self._job}", "--format=%r"],
                os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, write, 1), nothing],
                setsigmask=[],
            )
        except OSError:
            os.close(self._answer)
        finally:
            os.close(write)

    def is_time(self, patience: float = 5.0) -> bool:
        """Whether it was a time limit. No answer in time counts as no: the control plane asks Slurm again."""
        if not self._pid:
            return False
        os.set_blocking(self._answer, False)
        deadline = time.monotonic() + patience
        while os.waitpid(self._pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(self._pid, SIGKILL)
                os.waitpid(self._pid, 0)
                return False
            time.sleep(0.01)
        try:
            return os.read(self._answer, 4096).strip() == b"TimeLimit"
        except BlockingIOError:
            return False
