"""What is wrong with a folder of pseudo depth (`labels.sidecar`), clip by clip."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from depthvla.data.broken import BrokenData, broken
from depthvla.data.reading import plausible
from depthvla.labels.sidecar import cameras_of, name_of, open_clip
from depthvla.runtime.failure import WorkerError


def label_folders(folder: Path) -> list[Path]:
    """The folder itself, or of a mixture those of its datasets."""
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    return [folder] if any(any(path.glob("episode-*.zip")) for path in inside) else inside


def look_at_labels(folder: Path, every: int, counts: dict[str, int]) -> Iterator[list[BrokenData]]:
    """Opens every clip of a dataset, and reads every so-manieth frame of it; gives the faults of each clip."""
    labeller: tuple[str, Path] | None = None
    for camera in cameras_of(folder):
        for path in sorted((folder / name_of(0, camera)).parent.glob("episode-*.zip")):
            faults: list[BrokenData] = []
            counts["clips"] += 1
            try:
                clip = open_clip(folder, int(path.stem.removeprefix("episode-")), camera)
                labeller = labeller or (clip.about.labeller, path)
                if clip.about.labeller != labeller[0]:
                    faults.append(broken(path, f"made by another labeller than {labeller[1].name}"))
            except (WorkerError, ValueError) as error:
                counts["broken clips"] += 1
                yield [broken(path, _problem(path, error))]
                continue
            frames, shape = plausible(clip.depth, path), None
            for i in range(0, len(frames), every):
                counts["frames"] += 1
                try:
                    depth = frames[i]
                    sure = clip.confidence[i] if clip.confidence is not None else None
                except WorkerError as error:
                    counts["broken frames"] += 1
                    faults.append(broken(path, _problem(path, error)))
                    continue
                shape = shape or depth.shape
                for name, found in (("depth", depth), ("confidence", sure)):
                    if found is not None and found.shape != shape:
                        problem = f"frame {i}: {name} is {list(found.shape)}, depth of the first {list(shape)}"
                        counts["broken frames"] += 1
                        faults.append(broken(path, problem))
                counts["frames without depth"] += not np.any(depth)
            yield faults


def _problem(path: Path, error: Exception) -> str:
    """What is wrong, without the path that goes before it."""
    return (error.message if isinstance(error, WorkerError) else str(error)).removeprefix(str(path)).lstrip(": ")
