"""One process of the gang."""

import os
import time

from launcher.bounded_log import BoundedLog
from launcher.job import Job
from launcher.place import Place
from launcher.quick import SIGKILL, SIGPIPE, SIGXFSZ, Json, signal_name, write_json
from launcher.redaction import Redaction


class Rank:
    """A started rank. What it leaves behind can be killed with its group."""

    def __init__(
        self, job: Job, directory: str, number: int, place: Place, scratch: dict[str, str], apart: str
    ) -> None:
        """It leads a process group of its own, or (`apart`) a session. Raises OSError when it can't be started."""
        self.number = number
        self.exit: dict[str, Json] | None = None
        self.killed = False
        self._directory = directory
        read_out, write_out = os.pipe()
        read_err, write_err = os.pipe()
        try:
            self.pid = os.posix_spawnp(
                job.command[0],
                job.command,
                {**environment(job, directory, number, place), **scratch},
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, write_out, 1),
                    (os.POSIX_SPAWN_DUP2, write_err, 2),
                ],
                **({"setsid": True} if apart == "session" else {"setpgroup": 0}),
                setsigmask=[],
                setsigdef=[SIGPIPE, SIGXFSZ],  # Python ignores these two, and what is ignored would stay so
            )
        except OSError:
            os.close(read_out)
            os.close(read_err)
            raise
        finally:
            os.close(write_out)
            os.close(write_err)
        self.started = time.time() * 1000
        self.logs: dict[int, BoundedLog] = {}
        self._redactions: dict[int, Redaction] = {}
        for name, fd in (("stdout", read_out), ("stderr", read_err)):
            os.set_blocking(fd, False)
            self.logs[fd] = BoundedLog(f"{directory}/{name}.{number}.log", job.log_bytes)
            self._redactions[fd] = Redaction(job.secrets)

    def send(self, signal: int) -> None:
        """To the rank alone: its data loaders must live for it to save."""
        if self.exit is None:  # not waited for yet, so the pid can't be anybody else's
            os.kill(self.pid, signal)

    def kill(self) -> None:
        """The rank, and all that it started and that stayed in its group."""
        if self.exit is not None:
            return
        self.killed = True
        try:
            os.killpg(self.pid, SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass

    def read(self, fd: int) -> bool:
        """Moves what is there from the pipe to the log; False at its end."""
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            return True
        if not data:
            log = self.logs.pop(fd)
            log.write(self._redactions.pop(fd).rest())
            log.close()
            os.close(fd)
            return False
        self.logs[fd].write(self._redactions[fd].take(data))
        return True

    def ended(self, status: int, peak_rss: int, oom_killed: bool) -> None:
        """Records the end. ``peak_rss`` in KiB, as Linux counts it; ``oom_killed``: by the kernel, for lack of it."""
        code = os.waitstatus_to_exitcode(status)
        self.exit = {
            "rank": self.number,
            "code": code if code >= 0 else None,
            "signal": signal_name(-code) if code < 0 else None,
            "startedAt": self.started,
            "endedAt": time.time() * 1000,
            "peakRss": peak_rss * 1024,
            "oomKilled": oom_killed,
        }
        try:
            write_json(f"{self._directory}/exit.{self.number}.json", self.exit)
        except OSError:  # the disk is full; exit.json will hold it, for which space was reserved
            pass


def environment(job: Job, directory: str, number: int, place: Place) -> dict[str, str]:
    """The launcher's own environment, which its engine has chosen, and what tells this rank who it is."""
    local = number - place.first
    return {
        **os.environ,
        "RANK": str(number),
        "LOCAL_RANK": str(local),
        "WORLD_SIZE": str(place.world),
        "LOCAL_WORLD_SIZE": str(place.count),
        "MASTER_ADDR": place.address,
        "MASTER_PORT": str(place.port),
        "CUDA_VISIBLE_DEVICES": place.gpus[local] if local < len(place.gpus) else "",
        "OMP_NUM_THREADS": str(max(1, job.cores // place.count)),
        "ORCHESTRATE_ATTEMPT_DIR": directory,
        "PYTHONPATH": job.code,
        "PYTHONUNBUFFERED": "1",
        "PYTHONHASHSEED": "0",
    }
