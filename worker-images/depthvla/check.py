"""`python -m depthvla.check <format> <folder>`: what is wrong with a dataset's folder, file by file.

Reads every frame as training would. Exit code 0 when nothing is wrong, 65 when something is.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NoReturn

from depthvla.data.broken import BrokenData
from depthvla.data.frames import SceneRef
from depthvla.data.reading import Fault, look
from depthvla.data.scenes import FORMATS
from depthvla.runtime.failure import DATA_ERROR, USAGE


@dataclass
class Problem:
    """One thing that is wrong with one file; `frames` is how many frames it costs."""

    path: str
    problem: str
    hint: str | None
    frames: int = 0

    def line(self) -> str:
        more = f" ({self.frames:,} frames)" if self.frames > 1 else ""
        return f"{self.path}: {self.problem}{more}" + (f"\n  {self.hint}" if self.hint else "")


@dataclass
class Report:
    """What a folder holds, and all that is wrong with it."""

    format: str
    folder: str
    scenes: int = 0
    broken_scenes: int = 0
    frames: int = 0
    broken_frames: int = 0
    lost_poses: int = 0
    problems: list[Problem] = field(default_factory=list)

    def line(self) -> str:
        counts = (
            f"{self.scenes:,} scenes, {self.frames:,} frames looked at: {self.broken_scenes:,} scenes and "
            f"{self.broken_frames:,} frames are broken, tracking was lost in {self.lost_poses:,}"
        )
        return f"{self.format} in {self.folder}: {counts}; {len(self.problems):,} problems"


def check(format: str, folder: Path, every: int, say: Callable[[Problem], None]) -> Report:
    """Look at every so-manieth frame of every scene; tell of problems scene by scene."""
    report = Report(format, str(folder))
    try:
        scenes = FORMATS[format](folder) if folder.is_dir() else []
    except BrokenData as error:
        _tell(report, [_problem(error, 0)], say)
        return report
    report.scenes = len(scenes)
    for scene in scenes:
        _tell(report, _check_scene(report, scene, every), say)
    if not report.frames and not report.problems:
        what = "no frame is listed" if folder.is_dir() else "no such folder"
        _tell(report, [Problem(str(folder), what, None)], say)
    return report


def _check_scene(report: Report, scene: SceneRef, every: int) -> Iterator[Problem]:
    try:
        for met in look(scene, every):
            broken_scene = isinstance(met, Fault) and met.what == "scene"
            report.broken_scenes += broken_scene
            report.frames += not broken_scene
            if not isinstance(met, Fault):
                report.lost_poses += met.lost
                continue
            report.broken_frames += met.what == "frame"
            yield _problem(met.error, int(met.what == "frame"))
            if broken_scene:
                return
        yield from (_problem(error, 0) for error in scene.open().leftovers())
    except Exception as error:
        # A mistake that no reader foresaw is still this folder's, and the other scenes are worth a look.
        report.broken_scenes += 1
        yield Problem(str(scene.path), f"{type(error).__name__}: {error}", None)


def _problem(error: BrokenData, frames: int) -> Problem:
    return Problem(str(error.path), error.problem, error.hint, frames)


def _tell(report: Report, problems: Iterator[Problem] | list[Problem], say: Callable[[Problem], None]) -> None:
    """A file that is cut short costs many frames: it is told once."""
    merged: dict[tuple[str, str], Problem] = {}
    for problem in problems:
        known = merged.setdefault((problem.path, problem.problem), problem)
        known.frames += problem.frames if known is not problem else 0
    report.problems += merged.values()
    for problem in merged.values():
        say(problem)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        print(f"{self.prog}: {message}", file=sys.stderr)
        sys.exit(USAGE)


def main(argv: Sequence[str]) -> int:
    """Returns the exit code."""
    parser = _Parser(
        "python -m depthvla.check", description="Says what is wrong with a dataset's folder, file by file."
    )
    parser.add_argument("format", choices=sorted(FORMATS))
    parser.add_argument("folder", type=Path, help="as the dataset's own tools leave it")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="look at every N-th frame of a scene only")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of lines")
    options = parser.parse_args(argv)
    if options.every < 1:
        parser.error("--every takes a whole number from 1")

    def say(problem: Problem) -> None:
        if not options.json:
            print(problem.line(), flush=True)

    report = check(options.format, options.folder, options.every, say)
    print(json.dumps(asdict(report), ensure_ascii=False) if options.json else report.line(), flush=True)
    return DATA_ERROR if report.problems else 0


def _quietly() -> int:
    """No stack trace for who stops it, or reads its first lines only."""
    try:
        return main(sys.argv[1:])
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DATA_ERROR


if __name__ == "__main__":
    sys.exit(_quietly())
