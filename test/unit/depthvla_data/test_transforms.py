import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from depthvla.data.mixture import MixtureSettings
from depthvla.data.mixture_file import open_mixture
from depthvla.data.recording import Recording
from depthvla.data.rlds_writer import BRIDGE_FORMAT, write_rlds
from depthvla.data.transforms import to_binary
from depthvla.runtime.failure import WorkerError

Make = Callable[..., Recording]
Write = Callable[..., None]
F = np.float32


@pytest.mark.parametrize(
    ("opening", "binary"),
    [
        ([1, 1, 0.6, 0.3, 0, 0], [1, 1, 0, 0, 0, 0]),
        ([0, 0.2, 0.7, 0.99], [0, 1, 1, 1]),
        ([0.5, 1, 0.5, 0.02], [1, 1, 0, 0]),
        # On the way at the end: nobody knows where to.
        ([1, 0.4, 0.3], [1, 0.3, 0.3]),
        # The bounds themselves are not decided.
        ([0.95, 0.05, 0], [0, 0, 0]),
        ([], []),
    ],
)
def test_a_gripper_on_its_way_counts_as_what_it_gets_to(opening: list[float], binary: list[float]) -> None:
    assert_array_equal(to_binary(np.array(opening, F)), np.array(binary, F))


@pytest.fixture
def recording(record: Make) -> Recording:
    """Five frames; the first is Bridge's dummy, the gripper closes on its way."""
    made = record(1, 5, ("image_0",), state=7, action=7)
    action = made.action.copy()
    action[:, 6] = [0, 1, 0.5, 0.01, 0.3]
    return replace(made, action=action)


def relabelled(recording: Recording, gripper: list[float]) -> np.ndarray:
    """By hand: from the second frame to the last but one, the way to the next frame's pose."""
    rows = [recording.state[t + 1, :6] - recording.state[t, :6] for t in (1, 2, 3)]
    return np.column_stack([np.stack(rows), np.array(gripper, F)])


def mixed(folder: Path, entry: dict[str, object]) -> tuple[np.ndarray, np.ndarray]:
    """States and actions of a mixture of one dataset."""
    (folder / "mixture.json").write_text(json.dumps({"datasets": [entry]}))
    return open_mixture(folder, MixtureSettings()).vectors(0, 0)


def test_bridge_is_trained_on_with_reached_poses_bit_for_bit(
    tmp_path: Path, recording: Recording, write_v21: Write, write_v3: Write
) -> None:
    write_rlds(tmp_path, "rlds", [recording], BRIDGE_FORMAT)
    for name, write in (("v21", write_v21), ("v3", write_v3)):
        write(tmp_path / name, [recording])
    for name in ("rlds", "v21", "v3"):
        state, action = mixed(tmp_path, {"path": name, "like": "bridge"})
        assert_array_equal(state, recording.state[1:4])
        assert_array_equal(action, relabelled(recording, [1, 0, 0]))
        assert action.dtype == F
    # What is said in the file wins.
    _, action = mixed(tmp_path, {"path": "rlds", "like": "bridge", "transforms": [], "skip_first": 0})
    assert_array_equal(action, recording.action)
    _, action = mixed(tmp_path, {"path": "v3", "skip_first": 1, "transforms": ["reached_pose"]})
    assert_array_equal(action, relabelled(recording, list(recording.action[1:4, 6])))


def test_what_was_relabelled_already_stays_as_it_is(tmp_path: Path, recording: Recording, write_v21: Write) -> None:
    action = recording.action.copy()
    action[:-1, :6] = recording.state[1:, :6] - recording.state[:-1, :6]
    action[:, 6] = [1, 1, 0, 0, 0]
    write_v21(tmp_path / "converted", [replace(recording, action=action)])
    assert_array_equal(mixed(tmp_path, {"path": "converted", "like": "bridge"})[1], action[1:4])


def test_an_angle_that_passes_pi_is_subtracted_the_short_way(
    tmp_path: Path, recording: Recording, write_v21: Write
) -> None:
    state = recording.state.copy()
    state[:, 3] = [3.0, 3.1, -3.1, -3.0, 3.0]
    # A position is no angle.
    state[:, 0] = [0, 0, 9, 0, 0]
    write_v21(tmp_path / "turning", [replace(recording, state=state)])
    _, action = mixed(tmp_path, {"path": "turning", "like": "bridge"})
    np.testing.assert_allclose(action[:, 3], [2 * np.pi - 6.2, 0.1, 6 - 2 * np.pi], atol=1e-6)
    assert_array_equal(action[:, 0], [9, -9, 0])


def test_pictures_stay_with_their_states(tmp_path: Path, recording: Recording) -> None:
    write_rlds(tmp_path, "rlds", [recording], BRIDGE_FORMAT)
    (tmp_path / "mixture.json").write_text(json.dumps({"datasets": [{"path": "rlds", "like": "bridge"}]}))
    mixture = open_mixture(tmp_path, MixtureSettings(size=32))
    for sample in map(mixture.sample, range(6)):
        assert_array_equal(sample.state, recording.state[sample.frame + 1])
        wanted = recording.images["image_0"][sample.frame + 1].astype(int)
        assert np.abs(sample.images["image_0"] - wanted).max() < 3


def test_episodes_that_have_no_frame_left_are_left_out_and_counted(
    tmp_path: Path, record: Make, write_v21: Write
) -> None:
    recordings = [record(i, n, ("image_0",), state=7, action=7) for i, n in enumerate((2, 3, 4))]
    silent = replace(recordings[2], instruction=" ")
    write_rlds(tmp_path, "rlds", recordings[:2], BRIDGE_FORMAT)
    write_v21(tmp_path / "v21", [*recordings[:2], silent])
    for name, left_out in (("rlds", ["too few frames"]), ("v21", ["too few frames", "no instruction"])):
        (tmp_path / "mixture.json").write_text(json.dumps({"datasets": [{"path": name, "like": "bridge"}]}))
        said: list[str] = []
        mixture = open_mixture(tmp_path, MixtureSettings(), said.append)
        assert_array_equal(mixture.parts[0].source.lengths[:2], [0, 1])
        assert [line.rsplit(": ")[-1] for line in said] == left_out


def test_what_is_not_finite_is_not_hidden_by_what_is_made_of_it(
    tmp_path: Path, recording: Recording, write_v21: Write
) -> None:
    for name, row, column in (("motion", 2, 1), ("gripper", 3, 6)):
        action = recording.action.copy()
        action[row, column] = np.nan
        write_v21(tmp_path / name, [replace(recording, action=action)])
        with pytest.raises(WorkerError, match=f"episode 0: action is nan at frame {row}, dimension {column}"):
            mixed(tmp_path, {"path": name, "like": "bridge"})


def test_what_has_no_pose_can_not_be_relabelled(tmp_path: Path, record: Make, write_v21: Write) -> None:
    write_v21(tmp_path / "arm", [record(0, 4, state=5, action=7)])
    with pytest.raises(WorkerError, match="state has 5 dimensions, `reached_pose` needs 6"):
        mixed(tmp_path, {"path": "arm", "transforms": ["reached_pose"]})
    write_v21(tmp_path / "hand", [record(0, 4, state=7, action=6)])
    with pytest.raises(WorkerError, match="action has 6 dimensions, `reached_pose` needs 7"):
        mixed(tmp_path, {"path": "hand", "transforms": ["reached_pose"]})
    with pytest.raises(WorkerError, match=r"datasets\[0\].transforms: is .*expected a list of reached_pose, binary"):
        mixed(tmp_path, {"path": "arm", "transforms": ["relabel"]})
    with pytest.raises(WorkerError, match=r"datasets\[0\].like: bridge is known as rlds, lerobot, this is None"):
        mixed(tmp_path, {"path": "nowhere", "like": "bridge"})
