import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from depthvla.data.libero import CAMERAS, Libero, write_libero
from depthvla.data.mixture import Mixture, MixtureSettings, Sample
from depthvla.data.mixture_file import open_mixture
from depthvla.data.parts import Part
from depthvla.data.prefetch import Prefetch
from depthvla.data.recording import Recording
from depthvla.data.rlds import Rlds
from depthvla.data.rlds_writer import BRIDGE_FORMAT, write_rlds
from depthvla.runtime.failure import WorkerError

Make = Callable[..., Recording]
SETTINGS = MixtureSettings(seed=3, horizon=4, size=16, window=2)


@pytest.fixture
def folder(tmp_path: Path, record: Make) -> Path:
    """Bridge, LIBERO and a LeRobotDataset with 7 actions each."""
    write_rlds(
        tmp_path,
        "bridge",
        [record(i, 3 + i, ("image_0",), state=7, action=7) for i in range(5)],
        BRIDGE_FORMAT,
        shards=2,
    )
    write_libero(tmp_path / "libero", [[record(i, 4, CAMERAS, state=8, action=7) for i in (0, 2, 4)]])
    (tmp_path / "mixture.json").write_text(
        json.dumps(
            {
                "datasets": [
                    {"path": "bridge", "weight": 3, "like": "bridge", "cameras": {"main": "image_0", "wrist": None},
                     "action_dimensions": [*range(7)], "state_dimensions": [*range(7), -1]},
                    {"path": "libero", "cameras": {"main": "agentview_rgb", "wrist": "eye_in_hand_rgb"}},
                ]
            }
        )
    )  # fmt: skip
    return tmp_path


def key(sample: Sample) -> tuple[str, int, int]:
    return sample.dataset, sample.episode, sample.frame


def test_samples_of_all_formats_have_one_shape(folder: Path) -> None:
    mixture = open_mixture(folder, SETTINGS)
    samples = [mixture.sample(k) for k in range(60)]
    shares = Counter(sample.dataset for sample in samples)
    assert shares["bridge"] > shares["libero"] > 0
    for sample in samples:
        assert {name: image.shape for name, image in sample.images.items()} == dict.fromkeys(
            ("main", "wrist"), (16, 16, 3)
        )
        assert (sample.state.shape, sample.action.shape, sample.past.shape) == ((8,), (4, 7), (4,))
        assert sample.instruction in ("open it", "press it")
    bridge = next(s for s in samples if s.dataset == "bridge")
    assert bridge.seen == {"main": True, "wrist": False}
    assert not bridge.images["wrist"].any()
    assert_array_equal(bridge.has_state, [True] * 7 + [False])
    assert bridge.state[7] == 0


def test_chunks_stop_at_the_end_of_the_episode(folder: Path) -> None:
    mixture = open_mixture(folder / "libero", SETTINGS)
    episodes = [mixture.parts[0].source.read(i) for i in range(3)]
    for sample in map(mixture.sample, range(12)):
        action = episodes[sample.episode].action
        assert_array_equal(sample.past, sample.frame + np.arange(4) >= 4)
        assert_array_equal(sample.action, action[np.minimum(sample.frame + np.arange(4), 3)])


def test_ranks_share_each_batch_whatever_their_number(folder: Path) -> None:
    mixture = open_mixture(folder, SETTINGS)
    whole = [key(s) for s in mixture.batch(5, 12)]
    for world in (2, 3, 5):
        other = open_mixture(folder, SETTINGS)
        assert [key(s) for rank in range(world) for s in other.batch(5, 12, rank, world)] == whole
    assert [key(s) for s in mixture.batch(6, 12)] != whole
    assert [key(s) for s in open_mixture(folder, replace(SETTINGS, seed=4)).batch(5, 12)] != whole


def test_a_position_is_restored_exactly_with_threads_that_read_ahead(folder: Path) -> None:
    mixture = open_mixture(folder, SETTINGS)
    wanted = [[key(s) for s in mixture.batch(step, 4)] for step in range(20)]

    def slow(step: int) -> list[Sample]:
        # Later steps are ready earlier.
        time.sleep(0.002 * (3 - step % 4))
        return mixture.batch(step, 4)

    with Prefetch(slow, 0, threads=4, ahead=6) as ahead:
        given = [[key(s) for s in ahead.take()] for _ in range(7)]
    assert ahead.next == 7
    again = open_mixture(folder, SETTINGS)
    assert again.digest == mixture.digest
    with Prefetch(lambda step: again.batch(step, 4), 7, threads=3, ahead=2) as ahead:
        given += [[key(s) for s in ahead.take()] for _ in range(13)]
    assert given == wanted


def test_reading_ahead_is_bounded_and_errors_come_at_their_place() -> None:
    asked: list[int] = []

    def read(step: int) -> int:
        asked.append(step)
        if step == 2:
            raise ValueError("two")
        return step

    with Prefetch(read, 0, threads=2, ahead=3) as ahead:
        assert [ahead.take(), ahead.take()] == [0, 1]
        with pytest.raises(ValueError, match="two"):
            ahead.take()
        assert ahead.next == 2
    assert max(asked) <= 4


def test_other_data_is_told_by_the_digest(folder: Path, record: Make) -> None:
    before = open_mixture(folder, SETTINGS).digest
    write_libero(folder / "libero", [[record(i, 5, CAMERAS, state=8, action=7) for i in (0, 2, 4)]])
    assert open_mixture(folder, SETTINGS).digest != before
    assert (
        open_mixture(folder, replace(SETTINGS, seed=SETTINGS.seed + 1)).digest != open_mixture(folder, SETTINGS).digest
    )


def test_a_broken_episode_is_skipped_and_named_once_and_its_place_is_filled_the_same_way(
    folder: Path, record: Make
) -> None:
    path = next((folder / "bridge/1.0.0").glob("*00001-of*"))
    whole = bytearray(path.read_bytes())
    whole[whole.index(record(4, 7, ("image_0",), state=7, action=7).action.tobytes())] ^= 1
    path.write_bytes(whole)
    said: list[str] = []
    tolerant = replace(SETTINGS, bad_share=0.2)
    mixture = open_mixture(folder, tolerant, said.append)
    given = [key(mixture.sample(k)) for k in range(100)]
    assert ("bridge", 4) not in {k[:2] for k in given}
    assert len(said) == 1
    assert "bridge: skipped: " in said[0]
    assert "episode 4: the checksum" in said[0]
    again = open_mixture(folder, tolerant)
    assert [key(again.sample(k)) for k in reversed(range(100))] == given[::-1]
    strict = open_mixture(folder, replace(SETTINGS, bad_share=0.1))
    with pytest.raises(WorkerError, match=r"bridge: 1 of 5 episodes are broken, more than 0\.1 of them") as caught:
        list(map(strict.sample, range(100)))
    assert caught.value.code == "DATA_BROKEN"


def test_faults_of_whole_files_count_too(folder: Path) -> None:
    path = next((folder / "bridge/1.0.0").glob("*00001-of*"))
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(WorkerError, match="is cut off at byte"):
        open_mixture(folder, SETTINGS)


def test_what_does_not_go_together_names_dataset_and_field(
    folder: Path, record: Make, write_v21: Callable[..., None]
) -> None:
    def mixing(*parts: Part) -> str:
        with pytest.raises(WorkerError) as caught:
            Mixture(parts, SETTINGS)
        assert caught.value.code == "MIXTURE_INVALID"
        return caught.value.message

    bridge, libero = Rlds(folder / "bridge"), Libero(folder / "libero")
    eyes = {"main": "agentview_rgb"}
    assert "libero: cameras are ['agentview_rgb', 'eye_in_hand_rgb'], those of bridge" in mixing(
        Part(bridge), Part(libero)
    )
    assert mixing(Part(bridge, cameras={"main": "image_0"}), Part(libero, cameras=eyes)) == (
        "libero: state has 8 dimensions, that of bridge 7"
    )
    assert "action is [0, 7], but it has 7 dimensions" in mixing(Part(libero, action=(0, 7)))
    assert "main is 'top', but its cameras are" in mixing(Part(libero, cameras={"main": "top"}))
    assert "weights are" in mixing(Part(libero, 1), Part(bridge, 0))
    for name in ("one", "two"):
        write_v21(folder / name, [record(0, 3)])
    info = json.loads((folder / "two/meta/info.json").read_text())
    info["features"]["action"]["names"] = ["a1", "a0"]
    (folder / "two/meta/info.json").write_text(json.dumps(info))
    (folder / "mixture.json").write_text(json.dumps({"datasets": [{"path": "one"}, {"path": "two"}]}))
    with pytest.raises(WorkerError, match="two: action is a1, a0; that of one a0, a1"):
        open_mixture(folder, SETTINGS)


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"path": "libero", "weigth": 1}, r"datasets\[0\].weigth: no such field"),
        ({"path": "libero", "weight": 0}, r"datasets\[0\].weight: is 0, expected a number above 0"),
        ({"path": "../libero"}, "expected a path in the folder"),
        ({"weight": 1}, r"datasets\[0\].path: missing"),
        ({"path": "libero", "like": "droid"}, "expected one of bridge, galaxea"),
        ({"path": "nowhere"}, "neither a LeRobotDataset nor RLDS nor LIBERO"),
    ],
)
def test_a_mistake_in_the_file_is_named(folder: Path, entry: dict[str, object], named: str) -> None:
    (folder / "mixture.json").write_text(json.dumps({"datasets": [entry]}))
    with pytest.raises(WorkerError, match=named):
        open_mixture(folder, SETTINGS)


def test_memory_stays_flat(
    folder: Path, record: Make, write_v21: Callable[..., None], resident: Callable[[], int]
) -> None:
    cameras = ("main", "wrist")
    write_v21(folder / "videos", [record(i, 4, cameras, state=8, action=7) for i in range(20)])
    file = json.loads((folder / "mixture.json").read_text())
    dimensions = {"state_dimensions": [*range(8)], "action_dimensions": [*range(7)]}
    names = {camera: f"observation.images.{camera}" for camera in cameras}
    file["datasets"].append({"path": "videos", "weight": 2, "cameras": names, **dimensions})
    (folder / "mixture.json").write_text(json.dumps(file))
    # Nothing is kept decoded: everything goes on being read.
    mixture = open_mixture(folder, replace(SETTINGS, size=32, keep_bytes=0))
    with Prefetch(lambda step: mixture.batch(step, 8), 0, threads=2, ahead=4) as ahead:
        for _ in range(100):
            ahead.take()
        before = resident()
        for _ in range(250):
            ahead.take()
    # 2,000 samples: anything that is kept of each, be it one picture of 3 KiB, would be 6 MB and more.
    assert resident() - before < 4 << 20


def test_an_episode_with_another_action_width_is_broken(
    tmp_path: Path, record: Make, write_v21: Callable[..., None]
) -> None:
    write_v21(tmp_path, [record(0, 3), record(1, 3, action=3)])
    with pytest.raises(WorkerError, match=r"episode_000001.parquet: episode 1: action has 3 dimensions, .* first 2"):
        open_mixture(tmp_path, SETTINGS).vectors(0, 1)
