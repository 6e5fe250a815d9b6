"""What a worker tells the control plane: one JSON object a line in `events.<rank>.jsonl`.

The other side of `orchestrator/protocol/worker-event.ts`.
"""

from __future__ import annotations

import json
import math
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from depthvla.runtime.config import Json
from depthvla.runtime.failure import SOFTWARE, WorkerError
from depthvla.runtime.versions import versions

Metric = float | Mapping[str, int]
"""A number, or successes out of trials as {"k": …, "n": …}."""


class Events:
    """Appends events. Ranks other than 0 say only hello, warning and failed: what they measure is rank 0's to tell."""

    def __init__(self, path: Path, rank: int) -> None:
        self.rank = rank
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._said: set[str] = set()

    def hello(self, *, device: str, world: int) -> None:
        self._write(
            "hello",
            protocol=1, versions=versions(), device=device,
            rank=self.rank, world=world, host=socket.gethostname(), pid=os.getpid(),
        )  # fmt: skip

    def progress(self, step: float, of: float, unit: str) -> None:
        self._write_leading("progress", step=step, of=of, unit=unit)

    def busy(self, what: str, seconds: float | None = None) -> None:
        """Slow work begins ("saving", "evaluating"): until the next progress, silence is no hang."""
        self._write_leading("busy", what=what, **({} if seconds is None else {"seconds": seconds}))

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """One value of a curve. NaN and inf aren't JSON and would poison a chart: they are left out, and said once."""
        if not math.isfinite(value):
            self.warning(f"metric {name} is {value} at step {step}", once=f"metric {name}")
            return
        self._write_leading("metric", name=name, value=value, **({} if step is None else {"step": step}))

    def sample(self, name: str, path: str, caption: str | None = None, step: int | None = None) -> None:
        """A picture or clip to show; `path` is relative to the attempt directory."""
        extra: dict[str, Json] = {k: v for k, v in (("caption", caption), ("step", step)) if v is not None}
        self._write_leading("sample", name=name, path=path, **extra)

    def checkpoint(self, step: int, manifest: str, size: int, stall_ms: float) -> None:
        self._write_leading("checkpoint", step=step, manifest=manifest, bytes=size, stall_ms=stall_ms)

    def artifact(self, name: str, summary: str | None = None) -> None:
        self._write_leading("artifact", name=name, **({} if summary is None else {"summary": summary}))

    def warning(self, message: str, once: str | None = None) -> None:
        """Something that people should know; with `once`, only the first of its kind."""
        if once is not None:
            if once in self._said:
                return
            self._said.add(once)
        self._write("warning", message=message)

    def done(self, metrics: Mapping[str, Metric], summary: str | None = None) -> None:
        """The results. A result that isn't a number is a failure, not a hole in a table.

        Raises:
            WorkerError: RESULT_NOT_FINITE.
        """
        made: dict[str, Json] = {}
        for name, value in metrics.items():
            if isinstance(value, (int, float)) and not math.isfinite(value):
                raise WorkerError("RESULT_NOT_FINITE", f"the result {name} is {value}", exit_code=SOFTWARE)
            made[name] = value
        self._write_leading("done", metrics=made, **({} if summary is None else {"summary": summary}))

    def failed(self, code: str, message: str, hint: str | None = None) -> None:
        self._write("failed", code=code, message=message, **({} if hint is None else {"hint": hint}))

    def _write_leading(self, kind: str, **fields: Json) -> None:
        if self.rank == 0:
            self._write(kind, **fields)

    def _write(self, kind: str, **fields: Json) -> None:
        event = {"t": round(time.time() * 1000), "type": kind, **fields}
        line = json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
        # One write of the whole line: a reader that tails the file never sees half of one from a killed process
        # followed by another's.
        os.write(self._fd, line.encode())
