"""What a worker tells the control plane: one JSON object a line in `events.<rank>.jsonl`.

The other side of `orchestrator/protocol/worker-event.ts`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from depthvla.runtime.config import Json
from depthvla.runtime.failure import SOFTWARE, WorkerError, disk_full, is_full
from depthvla.runtime.sinks import Sinks
from depthvla.runtime.versions import versions

Metric = float | Mapping[str, int]
"""A number, or successes out of trials as {"k": …, "n": …}."""


RESERVE = 8192
"""Bytes set aside for what must still be said when the disk is full: how it ended."""


class Events:
    """Appends events. On a full disk they are lost, which is said later: no work is worth less than its news. Warnings
    are kept until there is room; how it ended (done, failed) must get through.

    Ranks other than 0 say only hello, warning and failed: what they measure is rank 0's to tell."""

    def __init__(self, path: Path, rank: int) -> None:
        self.rank = rank
        self.sinks = Sinks({}, self.warning)
        self._step = 0
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._said: set[str] = set()
        self._lock = threading.Lock()
        self._torn, self._lost = False, 0
        self._unsaid: list[str] = []
        self._directory = path.parent
        self._reserve = path.with_name(f"reserve.{rank}")
        with contextlib.suppress(OSError):
            self._reserve.write_bytes(bytes(RESERVE))

    def hello(self, *, device: str, world: int) -> None:
        self._write(
            "hello",
            protocol=1, versions=versions(), device=device,
            rank=self.rank, world=world, host=socket.gethostname(), pid=os.getpid(),
        )  # fmt: skip

    def progress(self, step: float, of: float, unit: str) -> None:
        self._step = round(step)
        self._write_leading("progress", step=step, of=of, unit=unit)

    def burst(self, step: float, of: float, unit: str) -> None:
        """Progress of many processes side by side: reports come close together, and say nothing of how long the next
        one takes."""
        self.progress(step, of, unit)
        if step < of:
            self.busy(f"waiting for more {unit}")

    def busy(self, what: str, seconds: float | None = None) -> None:
        """Slow work begins ("saving", "evaluating"): until the next progress, silence is no hang."""
        self._write_leading("busy", what=what, **({} if seconds is None else {"seconds": seconds}))

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """One value of a curve. NaN and inf aren't JSON and would poison a chart: they are left out, and said once."""
        if not math.isfinite(value):
            self.warning(f"metric {name} is {value} at step {step}", once=f"metric {name}")
            return
        self._write_leading("metric", name=name, value=value, **({} if step is None else {"step": step}))
        at = self._step if step is None else step
        self.sinks.tell(at, lambda sink: sink.metric(name, value, at))

    def sample(self, name: str, path: str, caption: str | None = None, step: int | None = None) -> None:
        """A picture or clip to show; `path` is relative to the attempt directory."""
        extra: dict[str, Json] = {k: v for k, v in (("caption", caption), ("step", step)) if v is not None}
        self._write_leading("sample", name=name, path=path, **extra)
        at, file = self._step if step is None else step, self._directory / path
        self.sinks.tell(at, lambda sink: sink.sample(name, file, caption, at))

    def checkpoint(self, step: int, manifest: str, size: int, stall_ms: float) -> None:
        self.sinks.tell_open(lambda sink: sink.flush())
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
            WorkerError: RESULT_NOT_FINITE, DISK_FULL.
        """
        made: dict[str, Json] = {}
        for name, value in metrics.items():
            if isinstance(value, (int, float)) and not math.isfinite(value):
                raise WorkerError("RESULT_NOT_FINITE", f"the result {name} is {value}", exit_code=SOFTWARE)
            made[name] = value
        if self.rank == 0:
            self._write_last("done", metrics=made, **({} if summary is None else {"summary": summary}))
            self.sinks.tell(self._step, lambda sink: sink.results(metrics, self._step))

    def failed(self, code: str, message: str, hint: str | None = None) -> None:
        """Raises:
        WorkerError: DISK_FULL.
        """
        self._write_last("failed", code=code, message=message, **({} if hint is None else {"hint": hint}))

    def _write_leading(self, kind: str, **fields: Json) -> None:
        if self.rank == 0:
            self._write(kind, **fields)

    def _write_last(self, kind: str, **fields: Json) -> None:
        """Like `_write`, with the room set aside for it."""
        try:
            self._append(kind, fields)
        except OSError as error:
            if not is_full(error):
                raise
            self._reserve.unlink(missing_ok=True)
            try:
                self._append(kind, fields)
            except OSError as again:
                raise disk_full("the attempt directory") from again

    def _write(self, kind: str, **fields: Json) -> None:
        try:
            self._append(kind, fields)
        except OSError as error:
            if not is_full(error):
                raise
            if kind == "warning" and len(self._unsaid) < 20:
                self._unsaid.append(str(fields["message"]))
            else:
                self._lost += 1
            return
        unsaid, self._unsaid, lost, self._lost = self._unsaid, [], self._lost, 0
        for message in unsaid:
            self.warning(message)
        if lost:
            self.warning(f"{lost} events (progress, metrics) were lost: the disk of the attempt directory was full")

    def _append(self, kind: str, fields: Mapping[str, Json]) -> None:
        event = {"t": round(time.time() * 1000), "type": kind, **fields}
        line = (json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n").encode()
        with self._lock:
            # One write of the whole line: a reader that tails the file never sees half of one from a killed process
            # followed by another's.
            rest = (b"\n" if self._torn else b"") + line
            written = os.write(self._fd, rest)
            if written < len(rest):
                self._torn = True
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._torn = False
