import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from depthvla.data.libero import CAMERAS, Libero, write_libero
from depthvla.data.recording import Recording
from depthvla.runtime.failure import WorkerError

Make = Callable[..., Recording]


@pytest.fixture
def tasks(record: Make) -> list[list[Recording]]:
    def demo(number: int, length: int) -> Recording:
        made = record(number, length, CAMERAS, state=8, action=7)
        # Pictures with an above and a below.
        ramp = np.arange(32, dtype=np.uint8)[None, :, None, None]
        return replace(made, images={c: images + ramp for c, images in made.images.items()})

    return [[demo(0, 4), demo(2, 3)], [demo(i, 2) for i in range(1, 25, 2)]]


def test_every_step_comes_back_the_right_way_up(tmp_path: Path, tasks: list[list[Recording]]) -> None:
    write_libero(tmp_path, tasks)
    dataset = Libero(tmp_path)
    recordings = [recording for task in tasks for recording in task]
    assert_array_equal(dataset.lengths, [len(r) for r in recordings])
    for index, wanted in enumerate(recordings):
        episode = dataset.read(index)
        assert_array_equal(episode.state, wanted.state)
        assert_array_equal(episode.action, wanted.action)
        assert episode.instruction(0) == wanted.instruction
        for camera in CAMERAS:
            assert_array_equal(episode.cameras[camera].all(), wanted.images[camera])
    assert dataset.state_names is not None
    assert len(dataset.state_names) == 8


def test_the_file_is_laid_out_as_liberos(tmp_path: Path, tasks: list[list[Recording]]) -> None:
    write_libero(tmp_path, tasks)
    with h5py.File(tmp_path / "open_it_demo.hdf5") as file:
        data = file["data"]
        assert json.loads(data.attrs["problem_info"])["language_instruction"] == "open it"
        assert (data.attrs["macros_image_convention"], data.attrs["num_demos"], data.attrs["total"]) == ("opengl", 2, 7)
        assert data["demo_0/actions"].dtype == np.float64
        assert_array_equal(data["demo_0/obs/agentview_rgb"][0], tasks[0][0].images["agentview_rgb"][0][::-1])
        assert data["demo_1"].attrs["num_samples"] == 3


def test_pictures_that_are_top_down_are_left_so(tmp_path: Path, tasks: list[list[Recording]]) -> None:
    write_libero(tmp_path, tasks)
    with h5py.File(tmp_path / "open_it_demo.hdf5", "a") as file:
        file["data"].attrs["macros_image_convention"] = "opencv"
    picture = Libero(tmp_path).read(0).cameras["agentview_rgb"][0]
    assert_array_equal(picture, tasks[0][0].images["agentview_rgb"][0][::-1])


def test_a_broken_file_is_a_fault_and_the_others_are_read(tmp_path: Path, tasks: list[list[Recording]]) -> None:
    write_libero(tmp_path, tasks)
    path = tmp_path / "open_it_demo.hdf5"
    path.write_bytes(path.read_bytes()[:500])
    dataset = Libero(tmp_path)
    assert len(dataset.lengths) == 12
    assert str(path) in dataset.faults[0].message


@pytest.mark.parametrize(
    ("breakage", "named"),
    [
        (lambda g: g["actions"].__setitem__((1, 2), np.nan), "action is nan at frame 1, dimension 2"),
        (lambda g: g.__delitem__("obs/eye_in_hand_rgb"), "no obs/eye_in_hand_rgb"),
        (lambda g: g.__delitem__("obs/ee_states"), "no obs/ee_states"),
    ],
)
def test_a_broken_demonstration_is_named(
    tmp_path: Path, tasks: list[list[Recording]], breakage: Callable[[h5py.Group], None], named: str
) -> None:
    write_libero(tmp_path, tasks)
    with h5py.File(tmp_path / "open_it_demo.hdf5", "a") as file:
        breakage(file["data/demo_0"])
    with pytest.raises(WorkerError, match=named) as caught:
        Libero(tmp_path).read(0)
    assert "open_it_demo.hdf5" in caught.value.message
