import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from depthvla.data.augment import PLAIN, Augmentation
from depthvla.data.hypersim import write_hypersim_frame, write_hypersim_metadata
from depthvla.data.prefetch import Prefetch
from depthvla.data.rgbd_file import open_rgbd
from depthvla.data.rgbd_order import SceneOrder
from depthvla.data.rgbd_stream import RgbdSample, RgbdSettings, RgbdStream
from depthvla.data.scannet import write_scannet_frame, write_scannet_lists
from depthvla.data.scannetpp import write_scannetpp, write_scannetpp_lists
from depthvla.data.wildrgbd import write_wildrgbd, write_wildrgbd_list
from depthvla.runtime.failure import WorkerError

EYE = np.eye(4, dtype=np.float32)
INTRINSICS = np.array([[20, 0, 11.5], [0, 20, 7.5], [0, 0, 1]], np.float32)
SETTINGS = RgbdSettings(seed=3, size=16, lanes=4, visit=3)
FRAMES = 6


def picture(number: int) -> tuple[np.ndarray, np.ndarray]:
    """A grey of its own, and a depth that says the same: number / 10 m."""
    return np.full((16, 24, 3), 10 * number, np.uint8), np.full((16, 24), number / 10, np.float32)


def write_scannet(root: Path, scenes: Sequence[str], held_out: Sequence[str]) -> None:
    for place, scene in enumerate([*scenes, *held_out]):
        for frame in range(FRAMES):
            write_scannet_frame(root / scene, frame, *picture(1 + place + frame), INTRINSICS, EYE)
    write_scannet_lists(root, {"train": list(scenes), "heldout": list(held_out)})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """ScanNet with three scenes to train on, HyperSim with one; each with one held out."""
    write_scannet(tmp_path / "scannet", ["s0", "s1", "s2"], ["s3"])
    for place, scene in enumerate(("a0", "a1")):
        for frame in range(FRAMES):
            write_hypersim_frame(tmp_path / "hypersim" / scene, frame, *picture(11 + place), 20.0)
    fov = 2 * np.arctan(12 / 20)
    write_hypersim_metadata(tmp_path / "hypersim", [("a0", "train", FRAMES), ("a1", "heldout", FRAMES)], fov)
    return tmp_path


def write_ramp(folder: Path) -> None:
    ramp = np.tile(np.arange(24, dtype=np.uint8)[None, :, None] * 10, (16, 1, 3))
    for scene in ("s0", "s1", "s2"):
        for frame in range(FRAMES):
            write_scannet_frame(folder / "scannet" / scene, frame, ramp, picture(9)[1], INTRINSICS, EYE)
    for frame in range(FRAMES):
        write_hypersim_frame(folder / "hypersim/a0", frame, ramp, picture(9)[1], 20.0)


def key(sample: RgbdSample) -> tuple[str, bool]:
    return sample.source, bool(sample.view.intrinsics[0, 1])


def keys(stream: RgbdStream, count: int) -> list[tuple[str, bool]]:
    return [key(stream.sample(k)) for k in range(count)]


def test_lanes_visit_scenes_of_their_own_and_go_through_them_in_rising_order() -> None:
    order = SceneOrder([5, 2], [1, 1], lanes=4, frames=3, seed=0)
    picks = [order.at(k) for k in range(4 * 3 * 40)]
    assert [pick.lane for pick in picks[:8]] == [0, 1, 2, 3] * 2
    visits: dict[int, list[float]] = {}
    for pick in picks:
        visits.setdefault(pick.visit, []).append(pick.at)
    whole = {visit: at for visit, at in visits.items() if len(at) == 3}
    assert all([int(3 * a) for a in at] == [0, 1, 2] for at in whole.values())
    # Lanes don't change their scenes all at once.
    changes = [k // 4 for k in range(4, 96) if picks[k].visit != picks[k - 4].visit]
    assert max(Counter(changes).values()) < 4
    assert len(whole) > 100
    # Each scene of a part as often as any other, whatever the part's weight.
    counts = Counter((pick.part, pick.scene) for pick in picks)
    for part, scenes in ((0, 5), (1, 2)):
        of = [counts[part, scene] for scene in range(scenes)]
        # A visit more, but for those that have begun or not yet ended.
        assert max(of) - min(of) <= 6


def test_parts_have_their_shares() -> None:
    order = SceneOrder([3, 50], [3, 1], lanes=2, frames=2, seed=1)
    counts = Counter(order.at(k).part for k in range(0, 40_000, 20))
    assert counts[0] == pytest.approx(1500, abs=60)


def test_a_sample_is_a_function_of_its_number(folder: Path) -> None:
    stream = RgbdStream(open_rgbd(folder), SETTINGS)
    given = keys(stream, 60)
    assert len(set(given)) > 15
    again = RgbdStream(open_rgbd(folder), replace(SETTINGS, keep_bytes=0))
    assert [key(again.sample(k)) for k in reversed(range(60))] == given[::-1]
    assert keys(RgbdStream(open_rgbd(folder), replace(SETTINGS, seed=4)), 60) != given
    for sample in map(stream.sample, range(60)):
        assert sample.view.image.shape == (16, 16, 3)
        grey, depth = sample.view.image.mean() / 10, sample.view.depth.mean() * 10
        assert abs(grey - depth) < 0.3
        assert "s3" not in sample.source
        assert "a1" not in sample.source


def test_ranks_share_each_batch_and_open_scenes_of_their_own(folder: Path) -> None:
    eight = replace(SETTINGS, lanes=8)
    whole = [key(s) for s in RgbdStream(open_rgbd(folder), eight).batch(5, 8)]
    for world in (2, 4):
        streams = [RgbdStream(open_rgbd(folder), eight) for _ in range(world)]
        assert [key(s) for rank in range(world) for s in streams[rank].batch(5, 8, rank, world)] == whole
        lanes = [set(stream._open) for stream in streams]
        assert set.union(*lanes) == set(range(8))
        assert sum(map(len, lanes)) == 8


def test_a_position_goes_on_exactly_and_other_data_is_told_by_its_digest(folder: Path) -> None:
    stream = RgbdStream(open_rgbd(folder), SETTINGS)
    wanted = [[key(s) for s in stream.batch(step, 4)] for step in range(8)]
    with Prefetch(lambda step: stream.batch(step, 4), 0, threads=1, ahead=3) as ahead:
        assert [[key(s) for s in ahead.take()] for _ in range(5)] == wanted[:5]
    again = RgbdStream(open_rgbd(folder), SETTINGS)
    with Prefetch(lambda step: again.batch(step, 4), ahead.next, threads=1, ahead=2) as ahead:
        assert [[key(s) for s in ahead.take()] for _ in range(3)] == wanted[5:]
    moved = folder.rename(folder.with_name("moved"))
    assert RgbdStream(open_rgbd(moved), SETTINGS).digest == stream.digest
    write_scannet_lists(moved / "scannet", {"train": ["s0", "s1"], "heldout": ["s3"]})
    assert RgbdStream(open_rgbd(moved), SETTINGS).digest != stream.digest


def test_frames_are_varied_by_their_number(folder: Path) -> None:
    plain = RgbdStream(open_rgbd(folder), replace(SETTINGS, augmentation=PLAIN))
    mirrored = RgbdStream(open_rgbd(folder), replace(SETTINGS, augmentation=Augmentation(mirror=0.5)))
    # A picture that is dark on the left shows it.
    write_ramp(folder)
    turned = [bool(mirrored.sample(k).view.image[0, 0, 0] > mirrored.sample(k).view.image[0, -1, 0]) for k in range(60)]
    assert 15 < sum(turned) < 45
    assert not any(plain.sample(k).view.image[0, 0, 0] > plain.sample(k).view.image[0, -1, 0] for k in range(60))
    assert [key(mirrored.sample(k))[0] for k in range(20)] == [key(plain.sample(k))[0] for k in range(20)]


def test_held_out_frames_are_evenly_spread_and_capped(folder: Path) -> None:
    stream = RgbdStream(open_rgbd(folder), SETTINGS)
    every = [sample.source for sample in stream.some("heldout", 100)]
    assert len(every) == 2 * FRAMES
    assert all("/s3/" in source or "/a1/" in source for source in every)
    some = [Path(sample.source).name for sample in stream.some("heldout", 4)]
    assert some == ["0.jpg", "3.jpg", "frame.0000.tonemap.jpg", "frame.0003.tonemap.jpg"]
    assert len(list(stream.some("heldout", 1))) == 1


def test_every_format_is_recognised_and_read(tmp_path: Path) -> None:
    write_scannet(tmp_path / "one", ["s0"], ["s1"])
    image, depth = picture(9)
    deep = np.full((192, 256), 0.9, np.float32)
    wide = np.full((48, 64, 3), 90, np.uint8)
    intrinsics = np.array([[60, 0, 31.5], [0, 60, 23.5], [0, 0, 1]], np.float32)
    write_scannetpp(tmp_path / "two", "p0", [wide] * 4, [deep] * 4, intrinsics, [EYE] * 4, "deflate")
    write_scannetpp_lists(tmp_path / "two", {"train": ["p0"], "heldout": []})
    mask = np.ones((16, 24), np.bool_)
    write_wildrgbd(tmp_path / "three", "cup/scenes/w0", [(image, depth, mask, EYE)] * 3, INTRINSICS)
    write_wildrgbd_list(tmp_path / "three/cup", {"train": ["scenes/w0"], "heldout": []})
    datasets = [{"path": "one"}, {"path": "two", "name": "phones", "weight": 2}, {"path": "three", "weight": 1}]
    (tmp_path / "rgbd.json").write_text(json.dumps({"datasets": datasets}))
    parts = open_rgbd(tmp_path)
    assert [(part.name, part.weight, len(part.scenes)) for part in parts] == [
        ("one", 1, 2), ("phones", 2, 1), ("three", 1, 1),
    ]  # fmt: skip
    stream = RgbdStream(parts, SETTINGS)
    shares = Counter(stream.sample(k).dataset for k in range(400))
    assert shares["phones"] > shares["one"] > 0 < shares["three"]
    assert open_rgbd(tmp_path / "two", "again", 5.0)[0].weight == 5


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"path": "scannet", "weigth": 1}, r"rgbd.json: datasets\[0\].weigth: no such field"),
        ({"path": "scannet", "weight": -1}, "is -1, expected a number above 0"),
        ({"path": "../scannet"}, "expected a path in the folder"),
        ({"weight": 1}, r"datasets\[0\].path: missing"),
        ({"path": "nowhere"}, "none of the formats scannet"),
    ],
)
def test_a_mistake_in_the_file_is_named(folder: Path, entry: dict[str, object], named: str) -> None:
    (folder / "rgbd.json").write_text(json.dumps({"datasets": [entry]}))
    with pytest.raises(WorkerError, match=named):
        open_rgbd(folder)


def test_a_folder_without_any_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="no pictures with depth in it"):
        open_rgbd(tmp_path)
    write_scannet(tmp_path / "scannet", [], ["s1"])
    with pytest.raises(WorkerError, match="scannet: no scenes to train on"):
        RgbdStream(open_rgbd(tmp_path), SETTINGS)


def test_a_broken_frame_is_skipped_and_named_once_and_its_place_is_filled_the_same_way(folder: Path) -> None:
    # Not a pixel was measured; depth in metres in a file of millimetres; cut off.
    write_scannet_frame(folder / "scannet/s1", 2, np.zeros((16, 24, 3), np.uint8), np.zeros((16, 24), np.float32),
                        INTRINSICS, EYE)  # fmt: skip
    write_scannet_frame(folder / "scannet/s1", 3, picture(5)[0], picture(5)[1] / 100, INTRINSICS, EYE)
    cut = folder / "scannet/s1/color/4.jpg"
    cut.write_bytes(cut.read_bytes()[:100])
    said: list[str] = []
    stream = RgbdStream(open_rgbd(folder), replace(SETTINGS, bad_share=0.6), said.append)
    given = keys(stream, 100)
    assert not {f"s1/color/{n}.jpg" for n in (2, 3, 4)} & {"/".join(source.split("/")[-3:]) for source, _ in given}
    assert len(said) == 3
    for path, problem in (
        ("s1/depth/2.png", "no pixel has a measured depth"),
        ("s1/depth/3.png", "half of all depths are below"),
        ("s1/color/4.jpg", "a JPEG that is cut short"),
    ):
        (line,) = [line for line in said if path in line]
        assert line.startswith("scannet: skipped: ")
        assert problem in line
    again = RgbdStream(open_rgbd(folder), replace(SETTINGS, bad_share=0.6))
    assert [key(again.sample(k)) for k in reversed(range(100))] == given[::-1]
    strict = RgbdStream(open_rgbd(folder), replace(SETTINGS, bad_share=0.02))
    with pytest.raises(WorkerError, match=r"scannet: 3 of \d+ frames are broken, more than 0\.02") as caught:
        keys(strict, 100)
    assert caught.value.code == "DATA_BROKEN"


def test_a_broken_scene_is_skipped_and_named_once(folder: Path) -> None:
    (folder / "scannet/s1/intrinsic/intrinsic_color.txt").unlink()
    said: list[str] = []
    stream = RgbdStream(open_rgbd(folder), replace(SETTINGS, bad_share=0.25), said.append)
    assert not any("/s1/" in source for source, _ in keys(stream, 60))
    assert len(said) == 1
    assert "intrinsic_color.txt: no such file" in said[0]
    strict = RgbdStream(open_rgbd(folder), replace(SETTINGS, bad_share=0.2))
    with pytest.raises(WorkerError, match=r"scannet: 1 of 4 scenes are broken, more than 0\.2"):
        keys(strict, 60)


def test_where_nothing_can_be_read_it_is_an_error_not_an_endless_search(tmp_path: Path) -> None:
    write_scannet(tmp_path / "scannet", ["s0"], ["s1"])
    for path in (tmp_path / "scannet/s0/depth").iterdir():
        path.unlink()
    with pytest.raises(WorkerError, match="broken"):
        keys(RgbdStream(open_rgbd(tmp_path), replace(SETTINGS, bad_share=1)), 1)


def test_memory_stays_flat(folder: Path, resident: Callable[[], int]) -> None:
    stream = RgbdStream(open_rgbd(folder), replace(SETTINGS, size=32, keep_bytes=0))
    with Prefetch(lambda step: stream.batch(step, 8), 0, threads=1, ahead=3) as ahead:
        for _ in range(80):
            ahead.take()
        before = resident()
        for _ in range(250):
            ahead.take()
    # 2,000 samples of 7 KiB each: what is kept of them would be 14 MB.
    assert resident() - before < 4 << 20
