"""Stage: pictures with depth from many cameras, in the layouts of ScanNet and HyperSim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from depthvla.runtime.config import setting
from depthvla.runtime.failure import CONFIG, WorkerError
from depthvla.runtime.job import Job
from depthvla.runtime.stage import Port, stage

if TYPE_CHECKING:
    from depthvla.data.frames import Split
    from depthvla.evaluation.camera import Picture
    from depthvla.evaluation.scenery import SceneRequest

# Every so-manieth scene of each half is held out, with its placement and its cameras.
_HELD_OUT_EVERY = 10


@dataclass(frozen=True)
class Config:
    tasks: list[str] = setting(
        ["button-press-topdown-v3", "drawer-open-v3", "door-open-v3", "window-open-v3", "faucet-open-v3", "pick-place-v3"],
        "tasks of Meta-World whose tables are photographed, in turn",
    )  # fmt: skip
    frames: int = setting(1650, "pictures in all", minimum=20)
    frames_per_scene: int = setting(25, "pictures of one placement of objects", minimum=1, maximum=1000)
    width: int = setting(128, "width of the pictures", minimum=32, maximum=640)
    height: int = setting(96, "height of the pictures", minimum=32, maximum=480)


@stage(Config, outputs={"scenes": Port("rgbd-scenes", "scannet/ and hypersim/, half of the frames each")})
def run(job: Job, config: Config) -> None:
    """Photographs Meta-World tables from random cameras, with depth, as ScanNet and HyperSim would store them."""
    from depthvla.data.hypersim import write_hypersim_metadata
    from depthvla.data.scannet import write_scannet_lists
    from depthvla.data.spread import spread
    from depthvla.evaluation.metaworld import known_tasks
    from depthvla.evaluation.scenery import photograph

    unknown = [task for task in config.tasks if task not in known_tasks()]
    if unknown or not config.tasks:
        problem = f"Meta-World has no task {unknown[0]!r}" if unknown else "at least one is needed"
        raise WorkerError("TASK_UNKNOWN", f"tasks: {problem}", hint=f"known: {', '.join(known_tasks())}", exit_code=CONFIG)  # fmt: skip
    root = job.output("scenes")
    scenes = _scenes(config)
    taken, shown = 0, []
    for index, pictures in spread(photograph, [scene.request for scene in scenes], job.cores):
        scenes[index].write(root, pictures)
        taken += len(pictures)
        if index < 6:
            shown.append((index, pictures[0]))
        job.events.progress(taken, config.frames, "frames")
    scannet = [scene for scene in scenes if scene.layout == "scannet"]
    hypersim = [scene for scene in scenes if scene.layout == "hypersim"]
    splits: dict[Split, list[str]] = {"train": [], "heldout": []}
    for scene in scannet:
        splits[scene.split].append(scene.name)
    write_scannet_lists(root / "scannet", splits)
    fov = _horizontal_fov(config)
    write_hypersim_metadata(root / "hypersim", [(s.name, s.split, s.request.frames) for s in hypersim], fov)
    _show(job, [picture for _, picture in sorted(shown, key=lambda pair: pair[0])])
    held_out = sum(scene.request.frames for scene in scenes if scene.split == "heldout")
    summary = f"{taken:,} frames of {len(scenes)} scenes, {held_out} held out"
    job.events.artifact("scenes", summary)
    job.events.done({"scenes.frames": taken, "scenes.heldout": held_out}, summary)


@dataclass(frozen=True)
class _Scene:
    """One scene and where it goes."""

    request: SceneRequest
    layout: str
    name: str
    split: Split

    def write(self, root: Path, pictures: Sequence[Picture]) -> None:
        from depthvla.data.hypersim import write_hypersim_frame
        from depthvla.data.scannet import write_scannet_frame

        folder = root / self.layout / self.name
        for number, p in enumerate(pictures):
            if self.layout == "scannet":
                write_scannet_frame(folder, number, p.rgb, p.depth, p.intrinsics, p.camera_to_world)
            else:
                write_hypersim_frame(folder, number, p.rgb, p.depth, float(p.intrinsics[0, 0]))


def _scenes(config: Config) -> list[_Scene]:
    """Scenes in both layouts by turns; the last one has what frames are left."""
    from depthvla.evaluation.placements import SCENES
    from depthvla.evaluation.scenery import SceneRequest

    out = []
    for number, first in enumerate(range(0, config.frames, config.frames_per_scene)):
        pair, layout = number // 2, ("scannet", "hypersim")[number % 2]
        # Tasks change with the pair: each is seen in both layouts.
        task = config.tasks[pair % len(config.tasks)]
        frames = min(config.frames_per_scene, config.frames - first)
        request = SceneRequest(task, SCENES + number, frames, config.width, config.height)
        name = f"scene{pair:04d}_00" if layout == "scannet" else f"ai_001_{pair:03d}"
        split: Split = "heldout" if pair % _HELD_OUT_EVERY == _HELD_OUT_EVERY - 1 else "train"
        out.append(_Scene(request, layout, name, split))
    return out


def _horizontal_fov(config: Config) -> float:
    import math

    from depthvla.evaluation.metaworld import FOVY

    return 2 * math.atan(math.tan(math.radians(FOVY) / 2) * config.width / config.height)


def _show(job: Job, pictures: Sequence[Picture]) -> None:
    from depthvla.evaluation.clips import depth_pair, write_rows

    write_rows(job.sample_path("scenes.png"), [depth_pair(p.rgb, p.depth) for p in pictures])
    job.events.sample("scenes", "samples/scenes.png", "random cameras: what they see, and the depth there")
