"""How a rank's end is told: its code, its exit, and never a stack trace for a user's mistake."""

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from depthvla.runtime.failure import WorkerError

PROGRAM = """
import errno, sys
from pathlib import Path
from depthvla.__main__ import report
from depthvla.runtime import signals
from depthvla.runtime.events import Events
from depthvla.runtime.failure import WorkerError
class OutOfMemoryError(RuntimeError): pass
class Job: rank, events = 3, Events(Path(sys.argv[1]), 3)
try:
    exec(sys.argv[2])
except BaseException as error:
    sys.exit(report(Job, error))
"""


def end(tmp_path: Path, code: str) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, events and standard error of a rank that ends like this."""
    made = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "e"), code], env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return made.returncode, [json.loads(line) for line in (tmp_path / "e").read_text().splitlines()], made.stderr


@pytest.mark.parametrize(
    ("code", "exit_code", "name", "traced"),
    [
        ("raise WorkerError('DATA_BROKEN', 'x is y', hint='mend it')", 65, "DATA_BROKEN", False),
        ("raise MemoryError()", 1, "OUT_OF_MEMORY", True),
        ("raise OutOfMemoryError('CUDA out of memory')", 1, "OUT_OF_MEMORY", True),
        ("raise OSError(errno.ENOSPC, 'no space', '/disk')", 75, "DISK_FULL", True),
        ("[][1]", 1, "CRASHED", True),
    ],
)
def test_a_failure_has_a_name_and_an_exit_code(
    tmp_path: Path, code: str, exit_code: int, name: str, traced: bool
) -> None:
    got, events, stderr = end(tmp_path, code)
    assert got == exit_code
    assert [(e["type"], e["code"]) for e in events] == [("failed", name)]
    assert ("Traceback" in stderr) == traced


def test_a_stop_that_was_saved_is_no_failure(tmp_path: Path) -> None:
    assert end(tmp_path, "sys.exit(75)")[:2] == (75, [])


def test_what_breaks_after_a_stop_was_asked_for_is_the_stop(tmp_path: Path) -> None:
    code, events, stderr = end(tmp_path, "signals._Asked.stop = True; raise RuntimeError('Connection closed by peer')")
    assert (code, events) == (75, [])
    assert "Connection closed" in stderr


def test_a_failure_keeps_all_it_says_between_processes() -> None:
    error = pickle.loads(pickle.dumps(WorkerError("A", "b", hint="c", exit_code=70)))
    assert (error.code, error.message, error.hint, error.exit_code) == ("A", "b", "c", 70)


def test_a_worker_that_is_started_by_hand_says_what_starts_it() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "depthvla"],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 64
    assert "started by `orchestrate`" in made.stderr
