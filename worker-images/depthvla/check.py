"""`python -m depthvla.check <format> <folder>`: what is wrong with a dataset's folder, file by file.

Reads every frame as training would. Exit code 0 when nothing is wrong, 65 when something is.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from depthvla.data.broken import BrokenData
from depthvla.data.check_demonstrations import Shapes, look_at_episode
from depthvla.data.check_labels import label_folders, look_at_labels
from depthvla.data.datasets import OPENERS, Opener
from depthvla.data.frames import SceneRef
from depthvla.data.reading import Fault, look
from depthvla.data.scenes import FORMATS
from depthvla.runtime.command_line import CommandLine
from depthvla.runtime.failure import DATA_ERROR


@dataclass
class Problem:
    """One thing that is wrong with one file; `frames` is how many frames it costs."""

    path: str
    problem: str
    hint: str | None = None
    frames: int = 0

    def line(self) -> str:
        more = f" ({self.frames:,} frames)" if self.frames > 1 else ""
        return f"{self.path}: {self.problem}{more}" + (f"\n  {self.hint}" if self.hint else "")


@dataclass
class Report:
    """What a folder holds, by what is counted, and all that is wrong with it."""

    format: str
    folder: str
    counts: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self) -> str:
        found = len(self.problems)
        parts = [f"{count:,} {what}" for what, count in self.counts.items()]
        problems = f"{found:,} problem{'' if found == 1 else 's'}"
        return f"{self.format} in {self.folder}: {'; '.join(filter(None, (', '.join(parts), problems)))}"


Check = Callable[[Path, int, dict[str, int]], Iterator[Sequence[Problem]]]
"""Looks at every so-manieth frame of a folder. Counts as it goes on; gives together what may say the same twice."""


def depth_check(scenes_of: Callable[[Path], list[SceneRef]]) -> Check:
    """The check of a format of pictures with depth."""

    def check_scenes(folder: Path, every: int, counts: dict[str, int]) -> Iterator[Sequence[Problem]]:
        scenes = scenes_of(folder)
        counts.update({"scenes": len(scenes), "frames": 0, "broken scenes": 0, "broken frames": 0, "lost poses": 0})
        for scene in scenes:
            yield list(_check_scene(scene, every, counts))
        if not counts["frames"] and not counts["broken scenes"]:
            yield [Problem(str(folder), "no frame is listed")]

    return check_scenes


def demonstration_check(open_folder: Opener) -> Check:
    """The check of a format of demonstrations."""

    def check_episodes(folder: Path, every: int, counts: dict[str, int]) -> Iterator[Sequence[Problem]]:
        dataset = open_folder(folder, None, None)
        counts.update({"episodes": len(dataset.lengths), "frames": 0, "broken episodes": 0, "broken frames": 0})
        counts.update({f"left out with {reason}": count for reason, count in dataset.left_out.items()})
        counts["broken episodes"] += len(dataset.faults)
        yield [_problem(error) for error in dataset.faults]
        shapes = Shapes()
        for index in map(int, dataset.lengths.nonzero()[0]):
            faults = list(look_at_episode(dataset, index, shapes, every))
            whole = not any(fault.what == "scene" for fault in faults)
            counts["broken episodes"] += not whole
            counts["broken frames"] += sum(fault.what == "frame" for fault in faults)
            counts["frames"] += -(-int(dataset.lengths[index]) // every) if whole else 0
            yield [_problem(fault.error, int(fault.what == "frame")) for fault in faults]
        if not counts["frames"] and not counts["broken episodes"]:
            yield [Problem(str(folder), "no frame that can be used")]

    return check_episodes


def check_labels(folder: Path, every: int, counts: dict[str, int]) -> Iterator[Sequence[Problem]]:
    """The check of pseudo depth, of one dataset or of those of a mixture."""
    counts.update({"clips": 0, "frames": 0, "broken clips": 0, "broken frames": 0, "frames without depth": 0})
    for of in label_folders(folder):
        for faults in look_at_labels(of, every, counts):
            yield [_problem(fault, 1) for fault in faults]
    if not counts["clips"]:
        yield [Problem(str(folder), "no <camera>/episode-*.zip in it")]


CHECKS: dict[str, Check] = {
    **{name: depth_check(scenes_of) for name, scenes_of in FORMATS.items()},
    **{name: demonstration_check(open_folder) for name, open_folder in OPENERS.items()},
    "labels": check_labels,
}


def check(format: str, folder: Path, every: int, say: Callable[[Problem], None]) -> Report:
    """Look at a folder; tell of problems as they are found, once for all the frames that one costs."""
    report = Report(format, str(folder))

    def tell(problems: Sequence[Problem]) -> None:
        merged: dict[tuple[str, str], Problem] = {}
        for problem in problems:
            known = merged.setdefault((problem.path, problem.problem), problem)
            known.frames += problem.frames if known is not problem else 0
        report.problems += merged.values()
        for problem in merged.values():
            say(problem)

    if not folder.is_dir():
        tell([Problem(str(folder), "no such folder")])
        return report
    try:
        for problems in CHECKS[format](folder, every, report.counts):
            tell(problems)
    except BrokenData as error:
        tell([_problem(error)])
    return report


def _check_scene(scene: SceneRef, every: int, counts: dict[str, int]) -> Iterator[Problem]:
    try:
        for met in look(scene, every):
            if not isinstance(met, Fault):
                counts["frames"] += 1
                counts["lost poses"] += met.lost
            elif met.what == "frame":
                counts["frames"] += 1
                counts["broken frames"] += 1
                yield _problem(met.error, 1)
            else:
                counts["broken scenes"] += 1
                yield _problem(met.error)
                return
        yield from map(_problem, scene.open().leftovers())
    except Exception as error:
        # A mistake that no reader foresaw is still this folder's, and the other scenes are worth a look.
        counts["broken scenes"] += 1
        yield Problem(str(scene.path), f"{type(error).__name__}: {error}")


def _problem(error: BrokenData, frames: int = 0) -> Problem:
    return Problem(str(error.path), error.problem, error.hint, frames)


def main(argv: Sequence[str]) -> int:
    """Returns the exit code."""
    parser = CommandLine(
        "python -m depthvla.check", description="Says what is wrong with a dataset's folder, file by file."
    )
    parser.add_argument("format", choices=sorted(CHECKS))
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
