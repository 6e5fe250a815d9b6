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
    started = time.time() * 1000
    attempt = os.path.basename(directory)
    gang: Gang | None = None
    message: str | None = None
    code: str | None = None
    try:
        job = Job(f"{directory}/job.json")
        attempt = job.attempt
        reserve_json(f"{directory}/exit.json", 4096 + 512 * job.ranks)
        os.chdir(job.code)
        for gpu in job.gpus:
            lock_gpu(gpu)
        port = reserve_port()
        gang = Gang(job, directory, own_session(), lock, port.getsockname()[1])
        gang.start()
        gang.watch(deliver(*SIGNALS))
    except (OSError, ValueError) as error:
        message = str(error)
        code = code_of(error)
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        sys.excepthook(*sys.exc_info())  # a mistake of the launcher: its stack goes to launcher.log
    ranks: list[Json] = [] if gang is None else gang.finish()
    mask_events(directory)
    remove_secrets(directory)
    write_json(
        f"{directory}/exit.json",
        {
            "attempt": attempt,
            "cause": "launcher" if message is not None or gang is None else gang.cause,
            "firstBad": None if gang is None else gang.first_bad,
            "ranks": ranks,
            "peakMemory": None if gang is None or gang.memory is None else gang.memory.peak,
            "startedAt": started,
            "endedAt": time.time() * 1000,
            "message": message,
            "code": code,
        },
    )


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


def reserve_port() -> "_socket.socket":
    """A socket bound to a free port for the ranks' rendezvous.

    It stays open but doesn't listen: rank 0 can bind the port too (SO_REUSEADDR), and nobody else is given it.
    """
    port = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    port.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    port.bind(("0.0.0.0", 0))
    return port


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
