"""How many samples a second each reader gives, from true-to-layout files that are written first. Prints JSON.

Pictures are noise over slopes, which compresses about as a photograph does; sizes are those of the published data sets.
Nothing that was decoded is kept between samples: this is the cost of a data set that doesn't fit in memory, though its
files are in the page cache.

    readers.py THREADS SAMPLES SEED
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depthvla.data.hypersim import write_hypersim_frame, write_hypersim_metadata
from depthvla.data.lerobot_writer import LeRobotWriter
from depthvla.data.libero import write_libero
from depthvla.data.mixture import MixtureSettings
from depthvla.data.mixture_file import open_mixture
from depthvla.data.recording import Recording
from depthvla.data.rgbd_file import open_rgbd
from depthvla.data.rgbd_stream import RgbdSettings, RgbdStream
from depthvla.data.rlds_writer import BRIDGE_FORMAT, write_rlds
from depthvla.data.scannet import write_scannet_lists
from depthvla.data.scannetpp import write_scannetpp, write_scannetpp_lists
from depthvla.data.sens import write_sens
from depthvla.data.wildrgbd import write_wildrgbd, write_wildrgbd_list

FRAMES, SCENES, EPISODES = 40, 2, 8
INTRINSICS = np.array([[600, 0, 320], [0, 600, 240], [0, 0, 1]], np.float32)


def picture(height: int, width: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    slope = np.add.outer(np.linspace(0, 120, height), np.linspace(0, 80, width))[..., None]
    noise = rng.normal(0, 6, (height // 4, width // 4, 3)).repeat(4, 0).repeat(4, 1)
    return np.clip(slope + 30 + noise, 0, 255).astype(np.uint8)


def metres(height: int, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    slope = np.add.outer(np.linspace(1, 3, height), np.linspace(0, 1, width))
    return (slope + rng.normal(0, 0.005, slope.shape)).astype(np.float32)


def scannet(root: Path, rng: np.random.Generator) -> None:
    names = [f"scene{i:04d}_00" for i in range(SCENES)]
    write_scannet_lists(root, {"train": names, "heldout": []})
    for name in names:
        frames = [
            (picture(968, 1296, rng), (metres(480, 640, rng) * 1000).astype(np.uint16), np.eye(4, dtype=np.float32))
            for _ in range(FRAMES)
        ]
        write_sens(root / "scans" / name / f"{name}.sens", frames, INTRINSICS * np.float32(2))


def scannetpp(root: Path, rng: np.random.Generator) -> None:
    names = [f"scene{i}" for i in range(SCENES)]
    write_scannetpp_lists(root, {"train": names, "heldout": []})
    for name in names:
        write_scannetpp(
            root, name, [picture(1440, 1920, rng) for _ in range(FRAMES)],
            [metres(192, 256, rng) for _ in range(FRAMES)], INTRINSICS * np.float32(3),
            [np.eye(4, dtype=np.float32)] * FRAMES, "frames",
        )  # fmt: skip


def hypersim(root: Path, rng: np.random.Generator) -> None:
    names = [f"ai_001_{i:03d}" for i in range(SCENES)]
    write_hypersim_metadata(root, [(name, "train", FRAMES) for name in names], math.pi / 3)
    for name in names:
        for number in range(FRAMES):
            write_hypersim_frame(root / name, number, picture(768, 1024, rng), metres(768, 1024, rng), 886.81)


def wildrgbd(root: Path, rng: np.random.Generator) -> None:
    names = [f"scenes/scene_{i:03d}" for i in range(SCENES)]
    write_wildrgbd_list(root / "apple", {"train": names, "heldout": []})
    for name in names:
        frames = [
            (picture(640, 480, rng), metres(640, 480, rng), np.ones((640, 480), bool), np.eye(4, dtype=np.float32))
            for _ in range(FRAMES)
        ]
        write_wildrgbd(root, f"apple/{name}", frames, INTRINSICS)


def recording(cameras: dict[str, int], state: int, action: int, rng: np.random.Generator) -> Recording:
    images = {name: np.stack([picture(side, side, rng) for _ in range(FRAMES)]) for name, side in cameras.items()}
    shape = (FRAMES, state), (FRAMES, action)
    return Recording("pick it up", images, *(rng.normal(size=s).astype(np.float32) for s in shape))


def lerobot(root: Path, rng: np.random.Generator) -> None:
    names = [f"s{i}" for i in range(8)], [f"a{i}" for i in range(7)]
    writer = LeRobotWriter(root, 10, ["top", "wrist"], "arm", *names, None, 1000)
    for _ in range(EPISODES):
        writer.add(recording({"top": 256, "wrist": 256}, 8, 7, rng))
    writer.close()


def bridge(root: Path, rng: np.random.Generator) -> None:
    episodes = [recording({"image_0": 256}, 7, 7, rng) for _ in range(EPISODES)]
    for file in write_rlds(root.parent / "written", "bridge", episodes, BRIDGE_FORMAT).iterdir():
        file.rename(root / file.name)


def libero(root: Path, rng: np.random.Generator) -> None:
    cameras = {"agentview_rgb": 128, "eye_in_hand_rgb": 128}
    write_libero(root, [[recording(cameras, 8, 7, rng) for _ in range(EPISODES)]])


def rgbd_rate(folder: Path, threads: int, samples: int, seed: int) -> float:
    settings = RgbdSettings(seed=seed, lanes=SCENES, keep_bytes=0, threads=threads)
    stream = RgbdStream(open_rgbd(folder), settings)
    size = 2 * threads
    stream.batch(0, size)
    started = time.perf_counter()
    for step in range(1, 1 + samples // size):
        stream.batch(step, size)
    took = time.perf_counter() - started
    stream.close()
    return (samples // size) * size / took


def mixture_rate(folder: Path, threads: int, samples: int, seed: int) -> float:
    mixture = open_mixture(folder, MixtureSettings(seed=seed, horizon=16, keep_bytes=0))
    mixture.sample(0)
    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        for _ in pool.map(mixture.sample, range(1, 1 + samples)):
            pass
        return samples / (time.perf_counter() - started)


Write, Rate = Callable[[Path, np.random.Generator], None], Callable[[Path, int, int, int], float]
READERS: dict[str, tuple[Write, Rate]] = {
    "ScanNet (.sens, 1296 × 968)": (scannet, rgbd_rate),
    "ScanNet++ (iPhone, 1920 × 1440)": (scannetpp, rgbd_rate),
    "HyperSim (1024 × 768)": (hypersim, rgbd_rate),
    "WildRGB-D (480 × 640, PNG)": (wildrgbd, rgbd_rate),
    "LeRobot v3 (2 videos of 256²)": (lerobot, mixture_rate),
    "RLDS, as Bridge (256², JPEG)": (bridge, mixture_rate),
    "LIBERO (2 × 128², HDF5)": (libero, mixture_rate),
}


def main(threads: int, samples: int, seed: int) -> None:
    found = {}
    for name, (write, rate) in READERS.items():
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "data"
            root.mkdir()
            write(root, np.random.default_rng(seed))
            found[name] = rate(root, threads, samples, seed)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
