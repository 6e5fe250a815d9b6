"""One attempt: claimed, run, recorded."""

import _socket
import errno
import fcntl
import os
import sys
import time
from _collections_abc import Callable

from launcher.claim import claim, is_over
from launcher.gang import Gang
from launcher.job import Job
from launcher.place import Place
from launcher.quick import (
    SIGCHLD,
    SIGHUP,
    SIGINT,
    SIGQUIT,
    SIGTERM,
    SIGUSR1,
    SIGUSR2,
    Json,
    block,
    deliver,
    ignore,
    reserve_json,
    write_json,
)
from launcher.redaction import mask_file, read_secrets

SIGNALS = (SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD)


def main(arguments: list[str], say: Callable[[str], None]) -> int:
    """Says ``claimed`` or ``taken`` to whoever started it, and then nothing more.

    Returns:
        0 when the attempt's end is in exit.json, or is another launcher's to write; 64 for a wrong call. How the ranks
        ended is never this process's own exit code: engines lose those.
    """
    if len(arguments) != 1:
        print("usage: python -I -S launcher/__main__.py <attempt directory>", file=sys.stderr)
        return 64
    directory = os.path.abspath(arguments[0])
    # Before the claim, which tells others this pid: from then on no signal may be lost, nor end this process.
    block(*SIGNALS)
    ignore(SIGUSR1, SIGUSR2)
    lock = claim(directory)
    if lock is None:
        if is_over(directory):
            remove_secrets(directory)  # whoever started this launcher had just written them
        say("taken")
        return 0
    say("claimed")
    run(directory, lock)
    return 0


def run(directory: str, lock: int) -> None:
    """From the claim to exit.json, which is always written."""

    def gather(job: Job) -> Gang:
        for gpu in job.gpus:
            lock_gpu(gpu)
        return Gang(job, directory, own_session(), lock, Place(job, directory, reserve_port()))

    end = run_ranks(directory, f"{directory}/exit.json", gather)
    mask_events(directory)
    remove_secrets(directory)
    write_json(f"{directory}/exit.json", end)


def run_ranks(directory: str, path: str, gather: Callable[[Job], Gang]) -> dict[str, Json]:
    """Runs a gang to its end. Call with the signals blocked.

    Args:
        path: of the file that the record is for; space for it is set aside.

    Returns:
        What exit.json says of it, whatever happened.
    """
    started = time.time() * 1000
    attempt = os.path.basename(directory)
    gang: Gang | None = None
    message: str | None = None
    code: str | None = None
    try:
        job = Job(f"{directory}/job.json")
        attempt = job.attempt
        reserve_json(path, 4096 + 512 * job.ranks)
        os.chdir(job.code)
        gang = gather(job)
        gang.start()
        gang.watch(deliver(*SIGNALS))
    except (OSError, ValueError) as error:
        message = str(error)
        code = code_of(error)
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        sys.excepthook(*sys.exc_info())  # a mistake of the launcher: its stack goes to launcher.log
    ranks: list[Json] = [] if gang is None else gang.finish()
    return {
        "attempt": attempt,
        "cause": "launcher" if message is not None or gang is None else gang.cause,
        "firstBad": None if gang is None else gang.first_bad,
        "ranks": ranks,
        "peakMemory": None if gang is None or gang.memory is None else gang.memory.peak,
        "startedAt": started,
        "endedAt": time.time() * 1000,
        "message": message,
        "code": code,
    }


class GpuBusyError(OSError):
    """Another attempt holds the GPU."""


def code_of(error: OSError | ValueError) -> str | None:
    """Names what is nobody's mistake, and may pass."""
    if isinstance(error, GpuBusyError):
        return "GPU_BUSY"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "DISK_FULL"
    return None


def own_session() -> int | None:
    """The session that this process leads, made if need be; None where it can't be had (a shell's job)."""
    try:
        os.setsid()
    except PermissionError:
        pass
    session = os.getsid(0)
    return session if session == os.getpid() else None


def reserve_port() -> int:
    """A free port for the ranks' rendezvous, bound as long as this process lives.

    Its socket doesn't listen: rank 0 can bind the port too (SO_REUSEADDR), and nobody else is given it.
    """
    port = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    port.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    port.bind(("0.0.0.0", 0))
    number: int = port.getsockname()[1]
    port.detach()
    return number


def lock_gpu(uuid: str) -> None:
    """Locks a GPU against other control planes of this machine, until this process and the ranks have ended.

    Raises:
        GpuBusyError: another attempt holds it.
    """
    path = f"/tmp/orchestrate-gpu-{uuid.replace('/', '_')}.lock"
    try:
        fd = os.open(path, os.O_RDONLY)  # no O_CREAT: Linux refuses that for another user's file in /tmp
    except FileNotFoundError:
        fd = os.open(path, os.O_CREAT | os.O_RDONLY, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise GpuBusyError(f"GPU {uuid} is in use by another attempt on this machine ({path} is locked)") from None
    os.set_inheritable(fd, True)


def mask_events(directory: str) -> None:
    """Ranks write their events themselves: secrets that slipped in are struck out before the file of secrets goes."""
    secrets = read_secrets(directory)
    for name in os.listdir(directory) if secrets else []:
        if name.startswith("events."):
            mask_file(f"{directory}/{name}", secrets)


def remove_secrets(directory: str) -> None:
    try:
        os.unlink(f"{directory}/secrets.json")
    except FileNotFoundError:
        pass


def say(word: str) -> None:
    try:
        os.write(1, f"{word}\n".encode())
    except OSError:  # nobody listens any more
        pass
