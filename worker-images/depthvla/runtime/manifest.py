"""Committed progress: some files and, written last and only once, a manifest that names them.

The other side of `orchestrator/protocol/manifest.ts`. No manifest, no checkpoint; a half-written one is never seen.
`CommitLog` is used for training state (`checkpoint.py`) and by stages that commit finished files one by one.
"""

from __future__ import annotations

import json
import math
import posixpath
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from depthvla.runtime.config import Json
from depthvla.runtime.failure import WorkerError
from depthvla.runtime.job import Job
from depthvla.runtime.store import FileEntry, copy, create, describe_file, download, open_store, read, remove, upload


@dataclass(frozen=True)
class Manifest:
    key: str
    step: int
    fence: int
    world: int
    files: tuple[FileEntry, ...]
    cursor: Json
    size: int


class CommitLog:
    """The commits of one attempt under `<prefix>/checkpoints/<step>/`, and those it may go on from."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.store = open_store(job.store)
        self.parent: str | None = None

    def folder(self, step: int) -> str:
        return f"{self.job.prefix}/checkpoints/{step}"

    def put(self, step: int, path: Path, name: str) -> FileEntry:
        """Uploads one file of a commit that is yet to come."""
        entry = describe_file(path, name)
        upload(self.store, f"{self.folder(step)}/{name}", path)
        return entry

    def take_back(self, step: int, names: list[str]) -> None:
        """Deletes uploaded files of a commit that will not come."""
        for name in names:
            remove(self.store, f"{self.folder(step)}/{name}")

    def carry(self, step: int, entry: FileEntry, previous: Manifest) -> FileEntry:
        """Takes a file over from an earlier commit, without it passing through here."""
        source = posixpath.join(posixpath.dirname(previous.key), entry.path)
        copy(self.store, source, f"{self.folder(step)}/{entry.path}")
        return entry

    def commit(
        self, step: int, files: list[FileEntry], cursor: Json, versions: Mapping[str, str],
        metrics: Mapping[str, float] | None = None,
    ) -> Manifest:  # fmt: skip
        """Writes the manifest: from here on the commit exists.

        Workers delete nothing: what is kept is the control plane's to say, since this may be an attempt that was
        replaced and doesn't know it yet. `metrics` are what retention may choose the best commit by.
        """
        key = f"{self.folder(step)}/manifest.json"
        body = {
            "protocol": 1, "job": self.job.job, "shard": self.job.shard, "fence": self.job.fence, "step": step,
            "parent": self.parent, "world": self.job.world, "files": [asdict(f) for f in files], "cursor": cursor,
            "metrics": {k: v for k, v in (metrics or {}).items() if math.isfinite(v)},
            "versions": dict(versions), "createdAt": round(time.time() * 1000),
        }  # fmt: skip
        create(self.store, key, json.dumps(body).encode())
        return Manifest(
            key, step, self.job.fence, self.job.world, tuple(files), cursor, sum(f.size for f in files)
        )  # fmt: skip

    def passed_over(self, key: str, error: Exception) -> None:
        self.job.events.warning(f"checkpoint {key} can't be used: {error}; trying the one before it")

    def fetch(self, manifest: Manifest, into: Path) -> None:
        """Downloads and verifies all its files.

        Raises:
            WorkerError: CHECKPOINT_BROKEN, STORE_*.
        """
        for entry in manifest.files:
            download(self.store, f"{posixpath.dirname(manifest.key)}/{entry.path}", into / entry.path, entry)

    def read(self, key: str) -> Manifest:
        """Reads a manifest, and checks that it is one of this job and shard.

        Raises:
            WorkerError: CHECKPOINT_BROKEN; STORE_* when the store doesn't answer, which says nothing of the checkpoint.
        """
        try:
            raw = json.loads(read(self.store, key))
            files = tuple(FileEntry(f["path"], f["size"], f["sha256"]) for f in raw["files"])
            if raw["protocol"] != 1 or raw["job"] != self.job.job or raw["shard"] != self.job.shard:
                raise ValueError(f"it is of job {raw['job'][:10]}, shard {raw['shard']}, not of this one")
            if any(posixpath.isabs(f.path) or ".." in f.path.split("/") for f in files):
                raise ValueError("it names files outside its folder")
            return Manifest(
                key, raw["step"], raw["fence"], raw["world"], files, raw["cursor"], sum(f.size for f in files)
            )  # fmt: skip
        except (ValueError, KeyError, TypeError) as error:
            raise WorkerError("CHECKPOINT_BROKEN", f"its manifest can't be read: {error}") from error
