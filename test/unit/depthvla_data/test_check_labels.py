import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from depthvla.check import main
from depthvla.labels.sidecar import About, name_of, write_clip

FRONT = "observation.images.front"
ABOUT = About("labeller-1")


def looked(capsys: pytest.CaptureFixture[str], folder: Path) -> tuple[int, dict[str, int], list[str]]:
    code = main(["labels", str(folder), "--json"])
    report = json.loads(capsys.readouterr().out)
    return code, report["counts"], [f"{p['path']}: {p['problem']}" for p in report["problems"]]


def depth(frames: int = 3) -> np.ndarray:
    return np.full((frames, 6, 8), 1500, np.uint16)


def test_whole_labels_have_no_problems_of_one_dataset_or_of_a_mixtures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("bridge", "galaxea"):
        for episode in range(2):
            made = depth()
            made[0] = 0
            write_clip(tmp_path / name, episode, FRONT, made, About(name), np.ones((3, 6, 8), np.uint8))
    counts = {"clips": 4, "frames": 12, "broken clips": 0, "broken frames": 0, "frames without depth": 4}
    assert looked(capsys, tmp_path) == (0, counts, [])
    assert looked(capsys, tmp_path / "bridge")[1]["clips"] == 2


def test_what_is_wrong_is_named_clip_by_clip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for episode in range(6):
        write_clip(tmp_path, episode, FRONT, depth(), ABOUT)
    cut = tmp_path / name_of(1, FRONT)
    cut.write_bytes(cut.read_bytes()[:-40])
    write_clip(tmp_path, 2, FRONT, depth(), About("labeller-2"))
    write_clip(tmp_path, 3, FRONT, depth() // 100, ABOUT)
    write_clip(tmp_path, 4, FRONT, depth(), ABOUT, np.ones((3, 3, 4), np.uint8))
    broken = tmp_path / name_of(5, FRONT)
    with zipfile.ZipFile(broken) as old:
        files = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(broken, "w") as new:
        for name, data in files.items():
            new.writestr(name, b"no picture" if name == "depth/000001.png" else data)
    code, counts, problems = looked(capsys, tmp_path)
    assert code == 65
    assert (counts["clips"], counts["broken clips"]) == (6, 1)
    assert [line.removeprefix(f"{tmp_path}/{FRONT}/episode-").split(" (")[0] for line in problems] == [
        "000001.zip: can't be read: File is not a zip file",
        "000002.zip: made by another labeller than episode-000000.zip",
        "000003.zip: frame 0: half of all depths are below 0.015 m: in metres, where millimetres are expected?",
        "000003.zip: frame 1: half of all depths are below 0.015 m: in metres, where millimetres are expected?",
        "000003.zip: frame 2: half of all depths are below 0.015 m: in metres, where millimetres are expected?",
        "000004.zip: frame 0: confidence is [3, 4], depth of the first [6, 8]",
        "000004.zip: frame 1: confidence is [3, 4], depth of the first [6, 8]",
        "000004.zip: frame 2: confidence is [3, 4], depth of the first [6, 8]",
        "000005.zip: depth/000001.png is no picture of uint16",
    ]


def test_a_folder_without_labels_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert looked(capsys, tmp_path)[2] == [f"{tmp_path}: no <camera>/episode-*.zip in it"]
