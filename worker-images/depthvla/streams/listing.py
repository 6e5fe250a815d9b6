"""What is in an input: the files of an artifact, as its manifest has them, or a store's folder, as it is asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from obstore.store import ObjectStore

from depthvla.runtime.failure import NO_INPUT, WorkerError
from depthvla.runtime.store import list_folder, read

FOLDERS_KEPT = 512


@dataclass(frozen=True)
class Entry:
    """A file.

    Attributes:
        key: in the store.
        size: bytes.
        version: the store's own mark of these bytes, where it has given one.
        sha256: of the whole, where it is known.
    """

    key: str
    size: int
    version: str | None = None
    sha256: str | None = None


Folder = Mapping[str, Entry | None]
"""By name; None is a folder."""


class Listing(Protocol):
    def folder(self, path: str) -> Folder:
        """What lies in a folder, `a/b` or ''; nothing where there is no such folder.

        Raises:
            WorkerError: STORE_*.
        """


class StoredFolder:
    """All below the store's own prefix. A folder is listed when it is first asked for."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.folder = lru_cache(maxsize=FOLDERS_KEPT)(self._list)

    def _list(self, path: str) -> Folder:
        folders, files = list_folder(self._store, path)
        found: dict[str, Entry | None] = dict.fromkeys(folders)
        prefix = f"{path}/" if path else ""
        for name, size, version in files:
            found[name] = Entry(prefix + name, size, version)
        return found


class ArtifactFiles:
    """An output of a job, wherever in the store its shards have left it.

    Args:
        key: of the artifact's manifest.

    Raises:
        WorkerError: INPUT_MISSING, STORE_*.
    """

    def __init__(self, store: ObjectStore, key: str, output: str) -> None:
        try:
            files = json.loads(read(store, key))["outputs"][output]["files"]
            entries = {f["path"]: Entry(f["key"], f["size"], None, f["sha256"]) for f in files}
        except WorkerError as error:
            if error.code != "CHECKPOINT_BROKEN":
                raise
            raise WorkerError("INPUT_MISSING", error.message, exit_code=NO_INPUT) from error
        except (ValueError, KeyError, TypeError) as error:
            message = f"{key} doesn't list the files of output {output} ({error!r})"
            raise WorkerError("INPUT_MISSING", message, exit_code=NO_INPUT) from error
        self._folders: dict[str, dict[str, Entry | None]] = {"": {}}
        for path, entry in entries.items():
            folder, _, name = path.rpartition("/")
            self._make(folder)[name] = entry

    def folder(self, path: str) -> Folder:
        return self._folders.get(path, {})

    def _make(self, path: str) -> dict[str, Entry | None]:
        if path not in self._folders:
            self._folders[path] = {}
            above, _, name = path.rpartition("/")
            self._make(above)[name] = None
        return self._folders[path]
