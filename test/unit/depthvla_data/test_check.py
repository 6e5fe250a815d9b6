import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from depthvla.check import main
from depthvla.data.hypersim import write_hypersim_frame, write_hypersim_metadata
from depthvla.data.scannet import write_scannet_frame, write_scannet_lists
from depthvla.data.scannetpp import write_scannetpp, write_scannetpp_lists
from depthvla.data.sens import write_sens
from depthvla.data.truth import to_millimetres
from depthvla.data.wildrgbd import write_wildrgbd, write_wildrgbd_list

INTRINSICS = np.array([[60, 0, 31.5], [0, 60, 23.5], [0, 0, 1]], np.float32)
IMAGE = np.full((48, 64, 3), 90, np.uint8)
DEPTH = np.full((48, 64), 1.5, np.float32)
POSE = np.eye(4, dtype=np.float32)


def scannet(root: Path) -> None:
    write_scannet_lists(root, {"train": ["scene0000_00", "scene0001_00"], "heldout": []})
    for number in range(4):
        write_scannet_frame(root / "scene0000_00", number, IMAGE, DEPTH, INTRINSICS, POSE)
    lost = np.full((4, 4), -np.inf, np.float32)
    frames = [(IMAGE, to_millimetres(DEPTH), pose) for pose in (POSE, lost, POSE, POSE)]
    write_sens(root / "scene0001_00/scene0001_00.sens", frames, INTRINSICS)


def scannetpp(root: Path) -> None:
    depth = np.full((192, 256), 1.5, np.float32)
    for scene in ("aa", "bb"):
        write_scannetpp(root, scene, [IMAGE] * 4, [depth] * 4, INTRINSICS, [POSE] * 4, "lz4-frames")
    write_scannetpp_lists(root, {"train": ["aa"], "heldout": ["bb"]})


def hypersim(root: Path) -> None:
    for scene in ("ai_001_000", "ai_001_001"):
        for number in range(4):
            write_hypersim_frame(root / scene, number, IMAGE, DEPTH, 60)
    scenes = [("ai_001_000", "train", 4), ("ai_001_001", "heldout", 4)]
    write_hypersim_metadata(root, scenes, 2 * np.arctan(32 / 60))  # type: ignore[arg-type]


def wildrgbd(root: Path) -> None:
    for scene in ("scenes/scene_000", "scenes/scene_001"):
        write_wildrgbd(root / "cup", scene, [(IMAGE, DEPTH, DEPTH > 0, POSE)] * 4, INTRINSICS)
    write_wildrgbd_list(root / "cup", {"train": ["scenes/scene_000"], "heldout": ["scenes/scene_001"]})


WRITERS: dict[str, Callable[[Path], None]] = {
    "scannet": scannet,
    "scannetpp": scannetpp,
    "hypersim": hypersim,
    "wildrgbd": wildrgbd,
}


def report(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, dict[str, object]]:
    code = main([*map(str, args), "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", WRITERS)
def test_a_folder_with_nothing_wrong_passes(name: str, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    WRITERS[name](tmp_path)
    code, found = report(capsys, name, tmp_path)
    assert (code, found["problems"]) == (0, [])
    lost = int(name == "scannet")
    counts = {"scenes": 2, "frames": 8, "broken scenes": 0, "broken frames": 0, "lost poses": lost}
    assert found["counts"] == counts
    assert report(capsys, name, tmp_path, "--every", 2)[1]["counts"]["frames"] == 4  # type: ignore[index]


@pytest.mark.parametrize("name", WRITERS)
def test_any_file_that_is_gone_empty_cut_short_or_garbage_is_named(name: str, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    """Every file of every format, one at a time: all matter, and none makes the check itself fail."""
    whole = tmp_path / "whole"
    WRITERS[name](whole)
    damages: dict[str, Callable[[Path], object]] = {
        "gone": Path.unlink,
        "empty": lambda path: path.write_bytes(b""),
        "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        "garbage": lambda path: path.write_bytes(b"\xff\x00garbage\x07" * 40),
    }
    files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    for file in files:
        # One frame's file stands for the others of its kind.
        if file.stem[-1] in "123" and file.parent.name in {"color", "depth", "pose", "rgb", "masks"}:
            continue
        for what, damage in damages.items():
            if allowed(name, file, what):
                continue
            broken = tmp_path / "broken"
            shutil.copytree(whole, broken, copy_function=os.link)
            target = broken / file
            target.unlink()
            shutil.copy(whole / file, target)
            damage(target)
            code, found = report(capsys, name, broken)
            assert code == 65, f"{file} {what}: nothing said"
            said = json.dumps(found["problems"])
            assert file.name in said or what == "gone", f"{file} {what}: {said}"
            assert "Error: " not in said, f"{file} {what}: not foreseen: {said}"
            shutil.rmtree(broken)


def allowed(name: str, file: Path, what: str) -> bool:
    """Damage that leaves a folder in which nothing is wrong."""
    if file.suffix == ".csv":
        # Half a table may end with a line; without any, cameras are the usual ones.
        return what == "half" or (what == "gone" and file.name == "metadata_camera_parameters.csv")
    # A shorter list is a list.
    return (file.name.startswith("scannetv2_") or "splits" in file.parts) and what in {"empty", "half"}


def test_problems_are_told_file_by_file_and_once_for_many_frames(tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    scannet(tmp_path)
    picture = tmp_path / "scene0000_00/color/2.jpg"
    picture.write_bytes(picture.read_bytes()[:-10])
    (tmp_path / "scene0000_00/color/3.jpg").unlink()
    recording = tmp_path / "scene0001_00/scene0001_00.sens"
    data = recording.read_bytes()
    recording.write_bytes(data[: len(data) // 2])
    assert main(["scannet", str(tmp_path)]) == 65
    *lines, summary = capsys.readouterr().out.splitlines()
    assert lines == [
        f"{picture}: a JPEG that is cut short after {picture.stat().st_size:,} bytes",
        f"{tmp_path}/scene0000_00/depth/3.png: no picture color/3.jpg goes with it",
        f"{tmp_path}/scene0000_00/pose/3.txt: no picture color/3.jpg goes with it",
        f"{recording}: ends after {len(data) // 2:,} bytes, within frame 1 of 4 (3 frames)",
    ]
    assert summary == (
        f"scannet in {tmp_path}: 2 scenes, 7 frames, 0 broken scenes, 4 broken frames, 0 lost poses; 4 problems"
    )


def test_a_folder_that_is_not_there_or_holds_no_frame_is_said(tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    code, found = report(capsys, "scannet", tmp_path / "none")
    assert (code, found["problems"][0]["problem"]) == (65, "no such folder")  # type: ignore[index]
    write_scannet_lists(tmp_path, {"train": [], "heldout": []})
    assert report(capsys, "scannet", tmp_path)[1]["problems"][0]["problem"] == "no frame is listed"  # type: ignore[index]


def test_it_runs_as_a_command_and_says_how_it_is_used(tmp_path: Path) -> None:
    def run(*args: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3] / "worker-images")}
        command = [sys.executable, "-m", "depthvla.check", *args]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)

    wrong = run("scanet", str(tmp_path))
    assert wrong.returncode == 64
    assert "'hypersim', 'labels', 'lerobot', 'libero', 'rlds', 'scannet', 'scannetpp', 'wildrgbd'" in wrong.stderr
    wildrgbd(tmp_path)
    (tmp_path / "cup/scenes/scene_000/rgb/00001.png").write_bytes(b"no picture")
    found = run("wildrgbd", str(tmp_path))
    assert found.returncode == 65
    assert "rgb/00001.png: not a JPEG or PNG (it begins with 6e 6f 20 70)" in found.stdout
    assert found.stderr == ""
