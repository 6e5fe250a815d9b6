"""The folder that a labeller's model lies in, and what is in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from depthvla.runtime.config import Json
from depthvla.runtime.failure import CONFIG, WorkerError
from depthvla.runtime.store import describe_file

WEIGHTS = frozenset({".safetensors", ".bin", ".pt", ".pth"})


@dataclass(frozen=True)
class ModelFolder:
    """
    Attributes:
        revision: `owner/name@commit` on the Hugging Face hub; None where the folder is an input.
    """

    path: Path
    revision: str | None = None

    def digests(self) -> dict[str, str]:
        """SHA-256 of the files that a model is read from.

        Raises:
            WorkerError: MODEL_INVALID when there are no weights.
        """
        files = sorted(p for p in self.path.rglob("*") if p.is_file() and p.suffix in {*WEIGHTS, ".json"})
        names = {str(p.relative_to(self.path)): p for p in files}
        found = {n: describe_file(p, n).sha256 for n, p in names.items() if not n.startswith(".")}
        if not any(Path(name).suffix in WEIGHTS for name in found):
            endings = ", ".join(sorted(WEIGHTS))
            raise WorkerError("MODEL_INVALID", f"{self.path} has no weights in it ({endings})", exit_code=CONFIG)
        return found

    def weights(self, digests: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(digest for name, digest in digests.items() if Path(name).suffix in WEIGHTS)


def digest_of(parts: Mapping[str, Json]) -> str:
    """SHA-256 of canonical JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def digest_of_code(*modules: str) -> str:
    """SHA-256 of source files."""
    whole = hashlib.sha256()
    for path in sorted(modules):
        whole.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return whole.hexdigest()
