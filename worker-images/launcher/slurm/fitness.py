"""Whether a node is fit to run what it is given, as far as that can be told from the node itself."""

import os

from launcher.quick import SIGKILL
from launcher.slurm.batch_file import Check


def devices() -> list[str]:
    """The GPUs that Slurm gave to this node."""
    return [device for device in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if device]


def what_is_wrong(directory: str, asked: int, given: int, check: Check | None) -> str | None:
    """A sentence without its subject, or None.

    Args:
        asked, given: GPUs that the job was to have here, and that Slurm told it of.
    """
    if check is None:
        return None
    if given < asked:
        return f"has {given} GPUs for it, not {asked}"
    return _gpus(asked, check.patience) or _disk(directory, check.disk) or _disk(_temporary(), check.disk)


def _temporary() -> str:
    told = os.environ.get("TMPDIR", "/tmp")
    return told if os.path.isdir(told) else "/tmp"


def _disk(folder: str, room: int) -> str | None:
    path = f"{folder}/.check-{os.urandom(6).hex()}"
    try:
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            os.write(fd, bytes(1 << 16))
            os.fsync(fd)
        finally:
            os.close(fd)
            os.unlink(path)
        place = os.statvfs(folder)
    except OSError as error:
        return f"can't write to {folder}: {error.strerror}"
    free = place.f_bavail * place.f_frsize
    return f"has {free >> 20} MiB free in {folder}, less than {room >> 20}" if free < room else None


def _gpus(asked: int, patience: float) -> str | None:
    """Asks the driver, where there is one: a GPU that has fallen off the bus is missing, or makes it hang."""
    if asked == 0:
        return None
    import subprocess

    query = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    try:
        with subprocess.Popen(query, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as driver:
            try:
                said, _ = driver.communicate(timeout=patience)
            except subprocess.TimeoutExpired:
                os.kill(driver.pid, SIGKILL)
                return f"has a GPU driver that doesn't answer within {patience:g} s"
    except FileNotFoundError:
        return None
    if driver.returncode != 0:
        return f"has no GPUs that work: {said.strip() or f'nvidia-smi ended with {driver.returncode}'}"
    seen = len(said.split())
    return f"sees {seen} GPUs, not {asked}" if seen < asked else None
