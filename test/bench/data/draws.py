"""Draws samples of small datasets as training does, and says what they cost.

Prints one JSON object: seconds and CPU seconds, and the memory of this process as it goes on. What is drawn from is
larger than what may be kept decoded, so that everything goes on being read.

    draws.py demonstrations|scenes COUNT SEED
"""

from __future__ import annotations

import ctypes
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from depthvla.data.augment import FOR_ACTIONS
from depthvla.data.hypersim import write_hypersim_frame, write_hypersim_metadata
from depthvla.data.lerobot_v21_writer import write_lerobot_v21
from depthvla.data.libero import CAMERAS, write_libero
from depthvla.data.mixture import MixtureSettings
from depthvla.data.mixture_file import open_mixture
from depthvla.data.recording import Recording
from depthvla.data.rgbd_file import open_rgbd
from depthvla.data.rgbd_stream import RgbdSettings, RgbdStream
from depthvla.data.rlds_writer import BRIDGE_FORMAT, write_rlds
from depthvla.data.scannet import write_scannet_frame, write_scannet_lists
from depthvla.data.sens import write_sens
from depthvla.data.wildrgbd import write_wildrgbd, write_wildrgbd_list
from depthvla.labels.sidecar import About, write_clip

SIDE, LENGTH, BATCH, LOOKS = 32, 24, 32, 20
KEEP = 256 << 10
EYE = np.eye(4, dtype=np.float32)
INTRINSICS = np.array([[30, 0, 15.5], [0, 30, 15.5], [0, 0, 1]], np.float32)


def recording(number: int, cameras: tuple[str, ...], state: int) -> Recording:
    rng = np.random.default_rng(number)
    images = {c: rng.integers(0, 256, (LENGTH, SIDE, SIDE, 3), dtype=np.uint8) for c in cameras}
    vectors = [rng.normal(size=(LENGTH, width)).astype(np.float32) for width in (state, 7)]
    return Recording("open it", images, *vectors)


def demonstrations(root: Path, seed: int) -> Callable[[int], object]:
    """Bridge with pseudo depth, LIBERO, and a LeRobotDataset of videos."""
    made = [recording(i, ("image_0",), 7) for i in range(60)]
    write_rlds(root, "bridge", made, BRIDGE_FORMAT, shards=3)
    depth = np.random.default_rng(0).integers(500, 3000, (LENGTH, SIDE, SIDE)).astype(np.uint16)
    for index in range(60):
        write_clip(root / "labels/bridge", index, "image_0", depth, About("labeller"))
    write_libero(root / "libero", [[recording(100 * t + i, CAMERAS, 8) for i in range(20)] for t in range(3)])
    names = [f"d{i}" for i in range(8)]
    films = [recording(1000 + i, ("main",), 8) for i in range(60)]
    write_lerobot_v21(root / "films", films, fps=10, robot="arm", state_names=names, action_names=names[:7])
    dimensions = {"state_dimensions": [*range(7), -1], "action_dimensions": [*range(7)]}
    cameras = ({"main": "image_0"}, {"main": CAMERAS[0]}, {"main": "observation.images.main"})
    datasets = [
        {"path": "bridge", "like": "bridge", "weight": 2, "cameras": cameras[0], **dimensions},
        {"path": "libero", "cameras": cameras[1]},
        {"path": "films", "cameras": cameras[2], "state_dimensions": [*range(8)], "action_dimensions": [*range(7)]},
    ]
    (root / "mixture.json").write_text(json.dumps({"datasets": datasets}))
    settings = MixtureSettings(
        seed=seed, size=SIDE, window=8, depth="labels", augmentation=FOR_ACTIONS, keep_bytes=KEEP
    )  # fmt: skip
    mixture = open_mixture(root, settings, labels=root / "labels")
    return lambda step: mixture.batch(step, BATCH)


def scenes(root: Path, seed: int) -> Callable[[int], object]:
    """ScanNet as files and as recordings, HyperSim and WildRGB-D."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (LENGTH, SIDE, SIDE, 3), dtype=np.uint8)
    depth = rng.uniform(0.5, 3, (LENGTH, SIDE, SIDE)).astype(np.float32)
    millimetres = (1000 * depth).astype(np.uint16)
    for i in range(20):
        for n in range(LENGTH):
            write_scannet_frame(root / f"scannet/s{i}", n, images[n], depth[n], INTRINSICS, EYE)
            write_hypersim_frame(root / f"hypersim/h{i}", n, images[n], depth[n], 30.0)
        frames = [(images[n], millimetres[n], EYE) for n in range(LENGTH)]
        write_sens(root / f"scannet/r{i}/r{i}.sens", frames, INTRINSICS)
        mask = np.ones((SIDE, SIDE), np.bool_)
        whole = [(images[n], depth[n], mask, EYE) for n in range(LENGTH)]
        write_wildrgbd(root / "wildrgbd", f"cup/scenes/w{i}", whole, INTRINSICS)
    write_scannet_lists(root / "scannet", {"train": [f"{k}{i}" for k in "sr" for i in range(20)], "heldout": []})
    write_wildrgbd_list(root / "wildrgbd/cup", {"train": [f"scenes/w{i}" for i in range(20)], "heldout": []})
    fov = 2 * np.arctan(SIDE / 2 / 30)
    write_hypersim_metadata(root / "hypersim", [(f"h{i}", "train", LENGTH) for i in range(20)], fov)
    settings = RgbdSettings(seed=seed, size=SIDE, lanes=BATCH, keep_bytes=KEEP)
    stream = RgbdStream(open_rgbd(root), settings)
    return lambda step: stream.batch(step, BATCH)


def resident() -> int:
    """Bytes of this process in memory, without what is free and only not given back."""
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def main() -> None:
    what, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with tempfile.TemporaryDirectory() as folder:
        draw = {"demonstrations": demonstrations, "scenes": scenes}[what](Path(folder), seed)
        steps, memory = count // BATCH, []
        started, cpu = time.perf_counter(), time.process_time()
        for step in range(steps):
            draw(step)
            if (step + 1) % max(1, steps // LOOKS) == 0:
                memory.append(resident())
    told = {
        "draws": steps * BATCH,
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - cpu,
        "memory": memory,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
