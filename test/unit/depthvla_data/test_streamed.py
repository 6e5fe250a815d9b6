"""Data sets in a store read as those in a folder do, through a cache that is smaller than they are."""

import json
import os
import pickle
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from subprocess import run

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from depthvla.data.broken import BrokenData
from depthvla.data.datasets import open_dataset
from depthvla.data.frames import RgbdFrame, SceneRef
from depthvla.data.lerobot_v21_writer import write_lerobot_v21
from depthvla.data.lerobot_writer import LeRobotWriter
from depthvla.data.libero import CAMERAS, write_libero
from depthvla.data.recording import Recording
from depthvla.data.rlds_writer import BRIDGE_FORMAT, write_rlds
from depthvla.data.scannet import list_scannet, write_scannet_frame, write_scannet_lists
from depthvla.data.sens import write_sens
from depthvla.runtime import store as store_of_a_worker
from depthvla.runtime.failure import WorkerError
from depthvla.runtime.job import StoreAddress
from depthvla.streams.locks import locked
from depthvla.streams.path import StreamedPath, mount, on_disk
from depthvla.streams.stream import StreamSource

BLOCK = 20_000


def streamed(folder: Path, cache: Path, limit: int) -> StreamedPath:
    return mount(StreamSource(StoreAddress(folder.as_uri()), None, None, cache, limit, BLOCK))


def recordings(count: int) -> list[Recording]:
    """Noise, so that they are not small."""

    def make(number: int) -> Recording:
        rng = np.random.default_rng(number)
        images = {name: rng.integers(0, 256, (6, 96, 96, 3)).astype(np.uint8) for name in CAMERAS}
        state, action = (rng.normal(size=(6, width)).astype(np.float32) for width in (8, 7))
        return Recording(f"task {number % 2}", images, state, action)

    return [make(number) for number in range(count)]


def in_cache(cache: Path) -> int:
    # What is fetched ahead comes and goes meanwhile.
    with locked(cache / "used"):
        return sum(of_all(cache / name) for name in ("blocks", "making"))


def of_all(folder: Path) -> int:
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())


def write_v21(folder: Path) -> None:
    names = {"state_names": [f"s{i}" for i in range(8)], "action_names": [f"a{i}" for i in range(7)]}
    write_lerobot_v21(folder, recordings(6), fps=10, robot="arm", **names)


def write_v3_by(write: Callable[..., None]) -> Callable[[Path], None]:
    return lambda folder: write(folder, recordings(6), 3)


def write_bridge(folder: Path) -> None:
    named = [
        Recording(r.instruction, {"image_0": r.images[CAMERAS[0]]}, r.state[:, :7], r.action) for r in recordings(6)
    ]
    write_rlds(folder.parent, folder.name, named, BRIDGE_FORMAT, shards=2)


def write_suite(folder: Path) -> None:
    write_libero(folder, [[r for r in recordings(6) if r.instruction == f"task {task}"] for task in (0, 1)])


def write_v3(folder: Path) -> None:
    names = [f"{letter}{i}" for letter, width in (("s", 8), ("a", 7)) for i in range(width)]
    writer = LeRobotWriter(folder, 10, list(CAMERAS), "arm", names[:8], names[8:], 3)
    for recording in recordings(6):
        writer.add(recording)
    writer.close()


@pytest.mark.parametrize("write", [write_v21, write_v3, write_bridge, write_suite])
def test_demonstrations_are_the_same_streamed_and_the_cache_stays_within_its_bound(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    """HDF5 files are fetched whole: those that are open may pass the bound."""
    folder, cache = tmp_path / "data/demos", tmp_path / "cache"
    write(folder)
    limit = of_all(folder) * 6 // 10
    beyond = of_all(folder) if write is write_suite else 0
    here, there = open_dataset(folder), open_dataset(streamed(folder, cache, limit))
    assert_array_equal(there.lengths, here.lengths)
    most = 0
    for index in (*range(len(here.lengths)), 0):
        one, other = here.read(index), there.read(index)
        assert_array_equal(one.action, other.action)
        assert one.instructions == other.instructions
        for camera, pictures in one.cameras.items():
            assert_array_equal(pictures.all(), other.cameras[camera].all())
            most = max(most, in_cache(cache))
    assert limit / 2 < most <= limit + beyond


@pytest.mark.parametrize("kind", ["sens", "extracted"])
def test_scenes_are_the_same_streamed_also_in_another_process(tmp_path: Path, kind: str) -> None:
    folder, cache = tmp_path / "scannet", tmp_path / "cache"
    write_scene(folder, kind)
    limit = of_all(folder) * 6 // 10
    (scene,) = list_scannet(streamed(folder, cache, limit))
    read = "import pickle, sys; o = pickle.load(sys.stdin.buffer).open(); f = [o.load(i) for i in range(len(o))]"
    write = "pickle.dump([(i.image, i.depth) for i in f], sys.stdout.buffer)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    other = run(
        [sys.executable, "-c", f"{read}; {write}"], input=pickle.dumps(scene), env=environment, capture_output=True
    )
    assert other.returncode == 0, other.stderr.decode()
    truth = [(frame.image, frame.depth) for frame in frames_of(list_scannet(folder)[0])]
    for found in ([(frame.image, frame.depth) for frame in frames_of(scene)], pickle.loads(other.stdout)):
        for (image, depth), (true_image, true_depth) in zip(found, truth, strict=True):
            assert_array_equal(image, true_image)
            assert_array_equal(depth, true_depth)
    assert limit / 2 < in_cache(cache) <= limit


def test_what_is_missing_or_cut_or_replaced_in_the_store_is_a_broken_file_with_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "scannet"
    write_scene(folder, "extracted")
    (scene,) = list_scannet(streamed(folder, tmp_path / "cache", 10**6))
    opened = scene.open()
    color = folder / "scans/one/color"
    color.joinpath("0.jpg").unlink()
    color.joinpath("1.jpg").write_bytes(color.joinpath("1.jpg").read_bytes()[:-10])
    color.joinpath("2.jpg").write_bytes(color.joinpath("3.jpg").read_bytes())
    for number, problem in enumerate(["no longer in the store", "replaced", "replaced"]):
        with pytest.raises(BrokenData, match=f"one/color/{number}.jpg: .*{problem}"):
            opened.load(number)
    opened.load(3)
    with pytest.raises(BrokenData, match=r"file:///.*no such file"):
        list_scannet(streamed(folder / "scans", tmp_path / "cache", 10**6))


def write_scene(folder: Path, kind: str) -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (48, 64, 3)).astype(np.uint8) for _ in range(8)]
    depth = rng.integers(500, 4000, (8, 48, 64)).astype(np.uint16)
    intrinsics = np.array([[60, 0, 31.5], [0, 60, 23.5], [0, 0, 1]], np.float32)
    write_scannet_lists(folder, {"train": ["one"], "heldout": []})
    scene = folder / "scans/one"
    if kind == "sens":
        pose = np.eye(4, dtype=np.float32)
        write_sens(scene / "one.sens", [(i, d, pose) for i, d in zip(images, depth, strict=True)], intrinsics)
    else:
        for number, image in enumerate(images):
            write_scannet_frame(
                scene, number, image, depth[number] / np.float32(1000), intrinsics, np.eye(4, dtype=np.float32)
            )


def frames_of(scene: SceneRef) -> list[RgbdFrame]:
    opened = scene.open()
    return [opened.load(index) for index in range(len(opened))]


def test_an_artifact_is_read_from_all_its_shards_and_small_files_are_held_against_their_hash(tmp_path: Path) -> None:
    files = {"a/one.txt": (b"one", "s0/1"), "a/two.txt": (b"two", "s1/3"), "b.bin": (bytes(range(256)) * 300, "s1/3")}
    listed = []
    for path, (data, shard) in files.items():
        key = f"jobs/k/{shard}/outputs/words/{path}"
        (tmp_path / "store" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "store" / key).write_bytes(data)
        listed.append({"path": path, "size": len(data), "sha256": sha256(data).hexdigest(), "key": key})
    manifest = tmp_path / "store/jobs/k/artifact.json"
    manifest.write_text(json.dumps({"outputs": {"words": {"files": listed}}}))
    address = StoreAddress((tmp_path / "store").as_uri())

    def mounted(cache: str) -> StreamedPath:
        return mount(StreamSource(address, "jobs/k/artifact.json", "words", tmp_path / cache, 10**6, BLOCK))

    folder = mounted("cache")
    assert [path.name for path in folder.iterdir()] == ["a", "b.bin"]
    assert [path.read_text() for path in folder.glob("*/*.txt")] == ["one", "two"]
    with (folder / "b.bin").open("rb") as file:
        assert file.seek(-5, 2)
        assert file.read() == bytes(range(251, 256))
    with on_disk(folder / "b.bin") as name:
        assert Path(name).read_bytes() == files["b.bin"][0]

    (tmp_path / "store/jobs/k/s1/3/outputs/words/a/two.txt").write_bytes(b"owt")
    with pytest.raises(BrokenData, match=r"words/a/two.txt: .*SHA-256"):
        (mounted("fresh") / "a/two.txt").read_text()
    with pytest.raises(WorkerError, match="doesn't list"):
        mount(StreamSource(address, "jobs/k/artifact.json", "numbers", tmp_path / "cache", 10**6))
    with pytest.raises(WorkerError, match="is missing") as caught:
        mount(StreamSource(address, "jobs/n/artifact.json", "words", tmp_path / "cache", 10**6))
    assert (caught.value.code, caught.value.exit_code) == ("INPUT_MISSING", 66)


def test_a_folder_that_is_not_mounted_is_a_store_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_of_a_worker, "PATIENCE_S", 0.2)
    folder = tmp_path / "scannet"
    write_scene(folder, "extracted")
    (scene,) = list_scannet(streamed(folder, tmp_path / "cache", 10**6))
    opened = scene.open()
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(WorkerError) as caught:
        opened.load(0)
    assert (caught.value.code, caught.value.exit_code) == ("STORE_UNREACHABLE", 75)
    with pytest.raises(WorkerError, match="may not be mounted"):
        streamed(folder, tmp_path / "another", 10**6)
    assert not folder.exists()
    (tmp_path / "elsewhere").rename(folder)
    opened.load(0)


def test_a_library_is_not_given_a_name_that_means_nothing_here(tmp_path: Path) -> None:
    write_suite(tmp_path / "data")
    path = streamed(tmp_path / "data", tmp_path / "cache", 10**7)
    with pytest.raises(TypeError, match="has no name on this machine"):
        os.fspath(path / "task_0_demo.hdf5")
    with pytest.raises(OSError, match="Read-only"):
        (path / "new").open("w")


@pytest.mark.parametrize("write", [write_v21, write_bridge])
def test_an_episode_that_was_announced_is_there_when_it_is_read(
    tmp_path: Path, write: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_of_a_worker, "PATIENCE_S", 0.2)
    folder, cache = tmp_path / "data/demos", tmp_path / "cache"
    write(folder)
    dataset = open_dataset(streamed(folder, cache, 10**8))
    episode = open_dataset(folder).read(4)
    expected = {camera: pictures.all() for camera, pictures in episode.cameras.items()}
    rmtree(cache / "blocks")
    (cache / "blocks").mkdir()
    dataset.announce(4)
    deadline, before = time.monotonic() + 60, -1
    while (now := of_all(cache / "blocks")) != before or now == 0:
        assert time.monotonic() < deadline
        before = now
        time.sleep(0.2)
    folder.rename(tmp_path / "away")
    read = dataset.read(4)
    assert_array_equal(read.action, episode.action)
    for camera, pictures in expected.items():
        assert_array_equal(read.cameras[camera].all(), pictures)
    with pytest.raises(WorkerError, match="may not be mounted"):
        dataset.read(0)
