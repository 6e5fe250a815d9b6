import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from depthvla.data.augment import Augmentation
from depthvla.data.depth_of_camera import depth_of_cameras
from depthvla.data.libero import write_libero
from depthvla.data.mixture import Mixture, MixtureSettings
from depthvla.data.mixture_file import open_mixture
from depthvla.data.recording import Recording
from depthvla.data.rlds_writer import BRIDGE_FORMAT, GALAXEA_FORMAT, write_rlds
from depthvla.labels.sidecar import About, name_of, write_clip
from depthvla.runtime.failure import WorkerError

Make = Callable[..., Recording]
Write = Callable[..., None]
LABELS = MixtureSettings(seed=3, horizon=2, size=16, window=2, depth="labels", unlabelled_share=0)
MEASURED = replace(LABELS, depth="measured")
CAMERA = "observation.images.front"
LENGTH = 4


def depth_of(number: int, length: int = LENGTH) -> np.ndarray:
    """As large as the pictures; the first row and column say which frame it is, 0 in a corner."""
    frame = np.arange(length)[:, None, None]
    depth = 500 + 1000 * number + 100 * frame + np.arange(32)[None, :, None] + 2 * np.arange(32)
    depth[:, :8, :8] = 0
    return depth.astype(np.uint16)


def as_shown(depth: np.ndarray) -> np.ndarray:
    """Of the centres of 16 x 16 cells of 32 x 32 pixels, in metres."""
    return depth[1::2, 1::2].astype(np.float32) * np.float32(0.001)


@pytest.fixture
def demos(tmp_path: Path, record: Make, write_v21: Write) -> Path:
    write_v21(tmp_path / "demos", [record(i, LENGTH) for i in range(3)])
    return tmp_path / "demos"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    for episode in range(3):
        sure = np.full((LENGTH, 32, 32), 51 * episode, np.uint8)
        write_clip(tmp_path / "labels", episode, CAMERA, depth_of(episode), About("a", ("m",)), sure)
    return tmp_path / "labels"


def test_depth_goes_with_the_camera_of_the_same_name() -> None:
    cameras = ("agentview_rgb", "image_camera_wrist_left", "observation.images.front", "image_camera_head")
    depths = (
        "agentview_depth",
        "depth_camera_wrist_left",
        "observation.images.front_depth",
        "depth_camera_wrist_right",
    )
    assert depth_of_cameras(cameras, depths) == dict(zip(cameras[:3], depths[:3], strict=True))


def test_pseudo_depth_comes_with_its_frame_and_its_confidence(demos: Path, labels: Path) -> None:
    mixture = open_mixture(demos, LABELS, labels=labels)
    assert mixture.depth_cameras == (CAMERA,)
    for sample in map(mixture.sample, range(3 * LENGTH)):
        assert_array_equal(sample.depth[CAMERA], as_shown(depth_of(sample.episode)[sample.frame]))
        assert_allclose(sample.confidence[CAMERA], sample.episode * 0.2)
        assert sample.depth[CAMERA].dtype == sample.confidence[CAMERA].dtype == np.float32
    assert open_mixture(demos, replace(LABELS, depth="none")).sample(0).depth == {}


def test_labels_of_whole_recordings_go_with_what_is_left_of_them(tmp_path: Path, record: Make) -> None:
    write_rlds(tmp_path, "rlds", [record(0, LENGTH, ("image_0",), state=7, action=7)], BRIDGE_FORMAT)
    (tmp_path / "mixture.json").write_text(json.dumps({"datasets": [{"path": "rlds", "like": "bridge"}]}))
    write_clip(tmp_path / "labels", 0, "image_0", depth_of(0), About("a"))
    mixture = open_mixture(tmp_path, LABELS, labels=tmp_path / "labels")
    for sample in map(mixture.sample, range(2)):
        assert_array_equal(sample.depth["image_0"], as_shown(depth_of(0)[1 + sample.frame]))
        assert_array_equal(sample.confidence["image_0"], np.ones((16, 16)))


def test_of_a_mixture_each_dataset_has_labels_of_its_own_or_none(
    demos: Path, labels: Path, record: Make, write_v21: Write
) -> None:
    root = demos.parent
    write_v21(root / "others", [record(7, LENGTH, ("top",))])
    cameras = [{"main": CAMERA, "wrist": None}, {"main": "observation.images.top", "wrist": None}]
    datasets = [{"path": p, "cameras": c} for p, c in zip(("demos", "others"), cameras, strict=True)]
    (root / "mixture.json").write_text(json.dumps({"datasets": datasets}))
    (root / "all").mkdir()
    labels.rename(root / "all/demos")
    samples = list(map(open_mixture(root, LABELS, labels=root / "all").sample, range(12)))
    assert {s.dataset: bool(s.depth["main"].any()) for s in samples} == {"demos": True, "others": False}
    assert all(set(s.depth) == {"main"} for s in samples)
    by_name = open_mixture(root, LABELS, labels={"demos": root / "all/demos"})
    assert_array_equal(by_name.sample(0).depth["main"], samples[0].depth["main"])
    with pytest.raises(WorkerError, match="there are labels of demoss, but the datasets are demos, others"):
        open_mixture(root, LABELS, labels={"demoss": root / "all/demos"})


def test_labels_that_are_missing_or_do_not_fit_are_left_out_and_counted(demos: Path, labels: Path) -> None:
    def reading(share: float) -> tuple[Mixture, list[str]]:
        said: list[str] = []
        mixture = open_mixture(demos, replace(LABELS, unlabelled_share=share), said.append, labels)
        samples = list(map(mixture.sample, range(3 * LENGTH)))
        assert {s.episode for s in samples if not s.depth[CAMERA].any()} == {1}
        assert len(samples) == 3 * LENGTH
        return mixture, said

    path = labels / name_of(1, CAMERA)
    wide = np.ones((LENGTH, 16, 32), np.uint16) * 1000
    for breakage, named in (
        (
            lambda: write_clip(labels, 1, CAMERA, depth_of(1, 3), About("a")),
            "labels of 3 frames, but the episode has 4",
        ),
        (lambda: write_clip(labels, 1, CAMERA, wide, About("a")), "32 x 16 pixels of depth, the picture has 32 x 32"),
        (
            lambda: write_clip(labels, 1, CAMERA, depth_of(1) // 100, About("a")),
            "frame 0: half of all depths are below",
        ),
        (lambda: path.write_bytes(path.read_bytes()[:-50]), "can't be read"),
        (lambda: path.unlink(), "episode 1 has no labels"),
    ):
        breakage()
        mixture, said = reading(0.4)
        (line,) = said
        assert str(path) in line
        assert named in line
        found = mixture.labels[0]
        assert found is not None
        assert len(found.skips.named) == 1
        with pytest.raises(WorkerError, match=r"labels of demos: 1 of 3 .* broken, more than 0\.1") as caught:
            reading(0.1)
        assert caught.value.code == "DATA_BROKEN"


def test_labels_of_two_labellers_are_an_error_not_a_skip(demos: Path, labels: Path) -> None:
    write_clip(labels, 2, CAMERA, depth_of(2), About("b"))
    mixture = open_mixture(demos, replace(LABELS, unlabelled_share=1), labels=labels)
    with pytest.raises(WorkerError, match=r"episode-000002.zip: made by labeller b, others by a") as caught:
        list(map(mixture.sample, range(12)))
    assert caught.value.code == "LABELS_INVALID"


def test_labels_of_another_camera_or_none_at_all_are_named(demos: Path, labels: Path, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="depth is to come from labels, but there are none"):
        open_mixture(demos, LABELS)
    with pytest.raises(WorkerError, match=r"has labels of the cameras \[\], demos has \['observation.images.front'\]"):
        open_mixture(demos, LABELS, labels=tmp_path / "nowhere")
    for file in (labels / name_of(0, CAMERA)).parent.iterdir():
        file.unlink()
    with pytest.raises(WorkerError, match="no episode of demos has labels"):
        open_mixture(demos, LABELS, labels=labels)


@pytest.fixture
def deep(record: Make) -> Callable[..., Recording]:
    def make(cameras: tuple[str, ...], depth: str, **widths: int) -> Recording:
        return replace(record(0, LENGTH, cameras, **widths), depth={depth: depth_of(0)})

    return make


def test_measured_depth_is_read_from_every_format(
    tmp_path: Path, deep: Callable[..., Recording], write_v21: Write
) -> None:
    wrists = ("image_camera_head", "image_camera_wrist_left", "image_camera_wrist_right")
    made = deep(wrists, "depth_camera_wrist_left", state=21, action=26, instruction="tidy@b@pick")
    write_rlds(tmp_path, "galaxea", [made], GALAXEA_FORMAT)
    write_libero(
        tmp_path / "libero", [[deep(("agentview_rgb", "eye_in_hand_rgb"), "agentview_depth", state=8, action=7)]]
    )
    write_v21(tmp_path / "lerobot", [deep(("front",), "front_depth")])
    (tmp_path / "galaxea/mixture.json").write_text(json.dumps({"datasets": [{"path": ".", "like": "galaxea"}]}))
    for name, camera in (
        ("galaxea", "image_camera_wrist_left"), ("libero", "agentview_rgb"), ("lerobot", CAMERA),
    ):  # fmt: skip
        mixture = open_mixture(tmp_path / name, MEASURED)
        assert mixture.depth_cameras == (camera,)
        for sample in map(mixture.sample, range(LENGTH)):
            assert_allclose(sample.depth[camera], as_shown(depth_of(0)[sample.frame]), atol=1e-6)
            assert_array_equal(sample.confidence[camera], np.ones((16, 16)))
            assert sample.images[camera].shape == (16, 16, 3)


def test_where_nothing_was_measured_asking_for_it_is_an_error(demos: Path) -> None:
    with pytest.raises(WorkerError, match="no dataset has depth of its own for any of the cameras"):
        open_mixture(demos, MEASURED)
    (demos / "mixture.json").write_text(
        json.dumps({"datasets": [{"path": ".", "depth": {CAMERA: "observation.images.front_depth"}}]})
    )
    with pytest.raises(WorkerError, match=r"info.json: features has the depth \[\] as pictures in the tables, not"):
        open_mixture(demos, MEASURED)


def test_measured_depth_in_another_unit_is_a_broken_episode(
    tmp_path: Path, deep: Callable[..., Recording], write_v21: Write
) -> None:
    made = deep(("front",), "front_depth")
    write_v21(tmp_path, [replace(made, depth={"front_depth": made.depth["front_depth"] // 100})])
    with pytest.raises(
        WorkerError, match=r"front_depth: frame \d: half of all depths are below .*: in metres, where milli"
    ):
        open_mixture(tmp_path, MEASURED).sample(0)


def test_picture_and_depth_are_varied_together_the_same_way_for_each_number(
    tmp_path: Path, record: Make, write_v21: Write
) -> None:
    grey = np.repeat(np.add.outer(4 * np.arange(32), 2 * np.arange(32)).astype(np.uint8)[None], LENGTH, axis=0)
    made = replace(record(0, LENGTH), images={"front": np.repeat(grey[..., None], 3, axis=3)})
    write_v21(tmp_path, [replace(made, depth={"front_depth": grey.astype(np.uint16) * 10 + 100})])
    varied = replace(MEASURED, augmentation=Augmentation(crop=0.5))
    mixture = open_mixture(tmp_path, varied)
    plain = open_mixture(tmp_path, MEASURED).sample(0)
    seen = set()
    for sample in map(mixture.sample, range(12)):
        # Grey is depth: what is cut out of one is cut out of the other.
        difference = sample.images[CAMERA][..., 0].astype(float) - (sample.depth[CAMERA] * 1000 - 100) / 10
        assert np.abs(difference).max() < 9
        seen.add(float(sample.depth[CAMERA][0, 0]))
    assert len(seen) > 5
    assert float(plain.depth[CAMERA][0, 0]) == pytest.approx(0.16)
    again = open_mixture(tmp_path, varied)
    for k in (7, 2):
        assert_array_equal(again.sample(k).images[CAMERA], mixture.sample(k).images[CAMERA])
        assert_array_equal(again.sample(k).depth[CAMERA], mixture.sample(k).depth[CAMERA])
