"""The claim of an attempt on Slurm: made once, by the job whose number it holds; whoever else comes finds it taken.

Locks are of no use here: who holds one on a file system that nodes share can't be told for sure.
"""

import os

from launcher.quick import dump_json, read_json


def claim_for(directory: str, job: str) -> bool:
    """False when another job has claimed the attempt, or this one before it was restarted, or the control plane."""
    path = f"{directory}/claim"
    if os.path.lexists(path):
        return False
    temporary = f"{path}.{os.urandom(6).hex()}"
    fd = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    try:
        os.write(fd, (dump_json({"slurm": {"job": job}}) + "\n").encode())
        os.fsync(fd)
        os.link(temporary, path)
        return True
    except FileExistsError:
        # NFS may say so of a link that it has just made itself, when it was asked twice.
        return os.fstat(fd).st_nlink == 2
    finally:
        os.close(fd)
        os.unlink(temporary)


def is_claimed_by(directory: str, job: str) -> bool:
    try:
        with open(f"{directory}/claim", encoding="utf-8") as file:
            return read_json(file.read()) == {"slurm": {"job": job}}
    except (OSError, ValueError):
        return False
