"""The claim of an attempt: whoever makes the file may start it, and as long as it is locked, the attempt lives."""

import fcntl
import os

from launcher.quick import dump_json


def claim(directory: str) -> int | None:
    """Claims the attempt, or returns None when another launcher did, or the control plane took it back.

    Returns:
        File descriptor of ``claim``, locked. The ranks inherit it, so that the lock is held as long as one of them
        lives, whatever became of this process. The file appears with its content and its lock in one step: nobody
        sees a claim that is empty, or one that looks dead because its lock was about to be taken.
    """
    path = f"{directory}/claim"
    if os.path.lexists(path):
        return None
    temporary = f"{path}.{os.urandom(6).hex()}"
    fd = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        os.write(fd, (dump_json({"pid": os.getpid(), "boot": boot_id(), "start": start_time()}) + "\n").encode())
        os.link(temporary, path)
    except FileExistsError:
        os.close(fd)
        return None
    finally:
        os.unlink(temporary)
    os.set_inheritable(fd, True)
    return fd


def is_over(directory: str) -> bool:
    """Whether nobody holds the lock of the claim any more. Shared: two who ask don't hinder each other."""
    try:
        fd = os.open(f"{directory}/claim", os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(fd)


def boot_id() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def start_time() -> int:
    """When this process started, in clock ticks since boot: tells it from a later one with the same pid."""
    with open("/proc/self/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[19])
