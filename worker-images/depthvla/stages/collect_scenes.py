"""Stage: pictures with depth from many cameras, in the layouts of ScanNet and HyperSim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from depthvla.runtime.config import setting
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
        [
            "button-press-topdown-v3", "drawer-open-v3", "door-open-v3",
            "window-open-v3", "faucet-open-v3", "pick-place-v3",
        ],
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
    from depthvla.evaluation.metaworld import check_tasks

    check_tasks(config.tasks)
    root = job.output("scenes")
    scenes = _scenes(config)
    taken, shown = 0, []
    groups = _groups(scenes, job.cores)
    for index, picture in spread(_take, [(root, group) for group in groups], job.cores):
        shown.append((index, picture))
        taken += sum(scene.request.frames for scene in groups[index])
        job.events.burst(taken, config.frames, "frames")
    scannet = [scene for scene in scenes if scene.layout == "scannet"]
    hypersim = [scene for scene in scenes if scene.layout == "hypersim"]
    splits: dict[Split, list[str]] = {"train": [], "heldout": []}
    for scene in scannet:
        splits[scene.split].append(scene.name)
    write_scannet_lists(root / "scannet", splits)
    fov = _horizontal_fov(config)
    write_hypersim_metadata(root / "hypersim", [(s.name, s.split, s.request.frames) for s in hypersim], fov)
    _show(job, [picture for _, picture in sorted(shown, key=lambda pair: pair[0])][:6])
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


def _groups(scenes: Sequence[_Scene], cores: int) -> list[list[_Scene]]:
    """Scenes of one task together, in as many groups as keep every core busy: loading a task takes a second."""
    tasks = sorted({scene.request.task for scene in scenes})
    parts = -(-cores // len(tasks))
    of_task = [[scene for scene in scenes if scene.request.task == task] for task in tasks]
    return [group for group in (same[part::parts] for same in of_task for part in range(parts)) if group]


def _take(work: tuple[Path, list[_Scene]]) -> Picture:
    """Photographs a group of scenes and writes them; gives one picture to show."""
    from depthvla.evaluation.scenery import photograph

    root, scenes = work
    shown = None
    for scene in scenes:
        pictures = photograph(scene.request)
        scene.write(root, pictures)
        shown = shown or pictures[0]
    assert shown is not None
    return shown


def _horizontal_fov(config: Config) -> float:
    import math

    from depthvla.evaluation.metaworld import FOVY

    return 2 * math.atan(math.tan(math.radians(FOVY) / 2) * config.width / config.height)


def _show(job: Job, pictures: Sequence[Picture]) -> None:
    from depthvla.evaluation.clips import depth_pair, write_rows

    write_rows(job.sample_path("scenes.png"), [depth_pair(p.rgb, p.depth) for p in pictures])
    job.events.sample("scenes", "samples/scenes.png", "random cameras: what they see, and the depth there")
