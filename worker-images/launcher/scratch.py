"""A folder for temporary files that is gone with the attempt."""

import os


class Scratch:
    """Named after attempt and launcher, so that an engine can remove it where launcher and guardian were both killed.

    It is on the host's own disk, never beside job.json: hosts may share that, and its path may be too long for sockets.
    Whoever is told it in TMPDIR puts temporary files there: Python, data loaders' sockets, compilers.
    """

    def __init__(self, attempt: str) -> None:
        """Raises OSError where nothing can be written."""
        told = os.environ.get("TMPDIR", "/tmp")
        self.parent = told if os.path.isdir(told) else "/tmp"
        self.path = f"{self.parent}/orchestrate-{attempt}-{os.getpid()}"
        os.mkdir(self.path, 0o700)

    def environment(self) -> dict[str, str]:
        # What PyTorch compiles is worth keeping for the next attempt: it stays where it would be without this folder.
        compiled = os.environ.get("TORCHINDUCTOR_CACHE_DIR", f"{self.parent}/torchinductor_{os.getuid()}")
        return {"TMPDIR": self.path, "TORCHINDUCTOR_CACHE_DIR": compiled}


def remove_scratch(path: str) -> None:
    """What can't be removed stays: an attempt has not failed for that."""
    try:
        os.rmdir(path)
    except OSError:
        import shutil  # only where something was left: it takes longer to load than an empty folder to remove

        shutil.rmtree(path, ignore_errors=True)
