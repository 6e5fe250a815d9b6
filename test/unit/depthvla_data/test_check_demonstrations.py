from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from depthvla.check import check, main
from depthvla.data.libero import CAMERAS, write_libero
from depthvla.data.recording import Recording
from depthvla.data.rlds_writer import BRIDGE_FORMAT, write_rlds

Make = Callable[..., Recording]
Write = Callable[..., None]


def found(format: str, folder: Path) -> list[str]:
    report = check(format, folder, 1, lambda _: None)
    return [f"{Path(p.path).relative_to(folder)}: {p.problem}" for p in report.problems]


def test_whole_folders_of_every_format_have_nothing_wrong(
    tmp_path: Path, record: Make, write_v3: Write, write_v21: Write
) -> None:
    write_v3(tmp_path / "v3", [record(0, 3)])
    write_v21(tmp_path / "v21", [record(0, 3)])
    write_rlds(tmp_path, "rlds", [record(0, 3, state=7, action=7)], BRIDGE_FORMAT)
    write_libero(tmp_path / "libero", [[record(0, 3, CAMERAS, state=8, action=7)]])
    assert found("lerobot", tmp_path / "v3") == []
    assert found("lerobot", tmp_path / "v21") == []
    assert found("rlds", tmp_path / "rlds") == []
    assert found("libero", tmp_path / "libero") == []


def test_every_fault_is_named_with_its_file_and_not_only_the_first(
    tmp_path: Path, record: Make, write_v21: Write
) -> None:
    write_v21(tmp_path, [record(i, 3, ("front", "wrist")) for i in range(4)])
    (tmp_path / "data/chunk-000/episode_000001.parquet").unlink()
    videos = tmp_path / "videos/chunk-000/observation.images.wrist"
    (videos / "episode_000000.mp4").unlink()
    whole = (videos / "episode_000002.mp4").read_bytes()
    (videos / "episode_000002.mp4").write_bytes(whole[: len(whole) // 2])
    problems = found("lerobot", tmp_path)
    assert [p.split(":")[0] for p in problems] == [
        "videos/chunk-000/observation.images.wrist/episode_000000.mp4",
        "data/chunk-000/episode_000001.parquet",
        "videos/chunk-000/observation.images.wrist/episode_000002.mp4",
    ]
    assert "no such file" in problems[0]
    assert "not a video that can be read" in problems[2]


def test_a_broken_picture_within_a_record_is_found(tmp_path: Path, record: Make) -> None:
    version = write_rlds(tmp_path, "rlds", [record(i, 3, state=7, action=7) for i in range(2)], BRIDGE_FORMAT)
    (path,) = version.glob("*.tfrecord*")
    whole = bytearray(path.read_bytes())
    whole[whole.rindex(record(1, 3, state=7, action=7).action.tobytes())] ^= 1
    path.write_bytes(whole)
    (problem,) = found("rlds", version)
    assert "episode 1: the checksum of the record" in problem


def test_pictures_of_another_size_are_found(tmp_path: Path, record: Make) -> None:
    write_libero(tmp_path, [[record(0, 3, CAMERAS, state=8, action=7)]])
    with h5py.File(tmp_path / "open_it_demo.hdf5", "a") as file:
        del file["data/demo_0/obs/agentview_rgb"]
        file["data/demo_0/obs/agentview_rgb"] = np.zeros((2, 32, 32, 3), np.uint8)
    assert found("libero", tmp_path) == [
        "open_it_demo.hdf5: episode 0: agentview_rgb has 2 pictures, but action has 3 rows"
    ]


def test_the_command_counts_episodes_and_says_what_is_left_out(
    tmp_path: Path, record: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    recordings = [record(0, 3, state=7, action=7), record(1, 4, state=7, action=7, instruction="")]
    write_rlds(tmp_path, "bridge", recordings, BRIDGE_FORMAT)
    assert main(["rlds", str(tmp_path / "bridge")]) == 0
    said = capsys.readouterr().out
    assert "2 episodes, 3 frames, 0 broken episodes" in said
    assert "1 left out with no instruction" in said
    assert main(["libero", str(tmp_path)]) == 65
    assert "no *.hdf5 in it" in capsys.readouterr().out
