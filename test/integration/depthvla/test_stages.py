"""Stages as processes: what they say when something is wrong, and what they leave when nothing is."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from depthvla.labels.sidecar import name_of, open_clip

Make = Callable[..., Any]


def failure(attempt: Any) -> tuple[int, str, str]:
    (code,) = attempt.begin().wait()
    (event,) = attempt.events("failed")
    assert "Traceback" not in attempt.stderr()
    return code, event["code"], event["message"]


def test_a_wrong_config_is_named_whole_before_torch_is_loaded(attempts: Make, scenes: Path) -> None:
    attempt = attempts("x", "depth_pretrain", {"steps": 0, "presett": "tiny"}, {"scenes": scenes})
    code, name, message = failure(attempt)
    assert (code, name) == (78, "CONFIG_INVALID")
    assert "presett: no such setting" in message
    assert "steps: expected an integer ≥ 1, found 0" in message
    assert attempt.events("hello")[0]["device"].startswith("cpu")


def test_an_input_that_is_not_there_is_named(attempts: Make, tmp_path: Path) -> None:
    assert failure(attempts("x", "depth_pretrain", {}, {}))[:2] == (66, "INPUT_MISSING")
    assert failure(attempts("y", "depth_pretrain", {}, {"scenes": tmp_path / "gone"}))[:2] == (66, "INPUT_MISSING")


def test_an_entry_that_does_not_exist_and_a_stage_that_takes_one_rank_are_named(attempts: Make) -> None:
    assert failure(attempts("x", "nothing", {}, {}))[:2] == (64, "ENTRY_UNKNOWN")


def test_a_model_of_the_wrong_size_or_kind_is_refused(
    attempts: Make, demos: tuple[Path, Path], scenes: Path, tmp_path: Path
) -> None:
    big = attempts(
        "big", "depth_pretrain", {"preset": "tiny-labeller", "steps": 1, "batch_size": 2}, {"scenes": scenes}
    )
    assert big.begin().wait() == [0], big.stderr()
    bound = {"demos": demos[0], "scenes": scenes, "depth_expert": big.output("model")}
    assert failure(attempts("x", "train_vla", {"steps": 1}, bound))[:2] == (78, "PRESET_MISMATCH")
    labels = attempts("labels", "label_depth", {}, {"demos": demos[0], "labeller": big.output("model")}).begin()
    assert labels.wait() == [0], labels.stderr()
    circular = {**bound, "labels": labels.output("labels")}
    assert failure(attempts("y", "train_vla", {"steps": 1}, circular))[:2] == (78, "LABELS_CIRCULAR")
    bound["depth_expert"] = demos[0]
    assert failure(attempts("z", "train_vla", {"steps": 1}, bound))[:2] == (65, "MODEL_INVALID")


def test_a_loss_that_runs_away_is_a_failure_with_a_name(attempts: Make, scenes: Path) -> None:
    config = {"steps": 200, "lr": 1e30, "warmup": 0, "batch_size": 2}
    code, name, _ = failure(attempts("x", "depth_pretrain", config, {"scenes": scenes}))
    assert (code, name) == (70, "LOSS_NOT_FINITE")


def test_an_expert_learns_to_read_depth_off_brightness(attempts: Make, scenes: Path) -> None:
    attempt = attempts("x", "depth_pretrain", {"steps": 80, "batch_size": 12}, {"scenes": scenes}).begin()
    assert attempt.wait() == [0], attempt.stderr()
    metrics = attempt.events("done")[0]["metrics"]
    assert metrics["depth.absrel.random_camera"] < 0.75 * metrics["depth.absrel.random_camera.best_constant"]
    (sample,) = attempt.events("sample")
    with Image.open(attempt.directory / sample["path"]) as picture:
        assert picture.size == (2 * (3 * 96 + 2 * 2), 2 * (6 * 96 + 5 * 2))
    curve = [e["value"] for e in attempt.events("metric") if e["name"] == "loss"]
    assert np.mean(curve[-3:]) < np.mean(curve[:3])


def files_in(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def labeller(attempts: Make, scenes: Path) -> Path:
    attempt = attempts("labeller", "depth_pretrain", {"steps": 1, "batch_size": 2}, {"scenes": scenes}).begin()
    assert attempt.wait() == [0], attempt.stderr()
    return Path(attempt.output("model"))


def test_shards_label_disjoint_episodes_that_together_are_all(
    attempts: Make, demos: tuple[Path, Path], labeller: Path
) -> None:
    bound = {"demos": demos[0], "truth": demos[1], "labeller": labeller}
    parts = [attempts(f"s{i}", "label_depth", {}, bound, shard=i, shards=2).begin() for i in range(2)]
    assert [p.wait() for p in parts] == [[0], [0]], parts[0].stderr()
    names = [files_in(p.output("labels")) for p in parts]
    assert names[0] & names[1] == {"labels.json"}
    together = parts[0].output("labels")
    for name in names[1]:
        (parts[1].output("labels") / name).rename(together / name)
    assert all(open_clip(together, episode).depth.all().shape == (9, 96, 96) for episode in range(6))
    metrics = [p.events("done")[0]["metrics"] for p in parts]
    assert sum(m["label.within_25_percent"]["n"] for m in metrics) == 54 * 96 * 96
    assert all(0 < m["label.absrel"] < 2 for m in metrics)


def test_labelling_goes_on_at_the_first_episode_without_labels(
    attempts: Make, demos: tuple[Path, Path], labeller: Path
) -> None:
    bound = {"demos": demos[0], "labeller": labeller}
    twin = attempts("twin", "label_depth", {}, bound).begin()
    assert twin.wait() == [0], twin.stderr()
    first = attempts("first", "label_depth", {"commit_every": 0}, bound).begin()
    first.until("checkpoint", 2)
    first.signal(signal.SIGKILL)
    first.wait()
    assert len(first.events("busy")) >= len(first.events("checkpoint"))  # a save that takes long is no hang
    newest = first.manifests()[0]
    manifest = json.loads((first.store / newest).read_text())
    done = [name_of(n, "observation.images.corner2") for n in range(manifest["step"])]
    assert list(manifest["cursor"]["pieces"]) == done
    second = first.next([newest]).begin()
    assert second.wait() == [0], second.stderr()
    assert len(second.events("progress")) == 6 - manifest["step"]
    files = files_in(twin.output("labels"))
    assert files == files_in(second.output("labels"))
    assert all((twin.output("labels") / f).read_bytes() == (second.output("labels") / f).read_bytes() for f in files)


@pytest.mark.parametrize("sharing", ["replicate", "shard"])
def test_two_ranks_follow_the_losses_of_one(attempts: Make, scenes: Path, sharing: str) -> None:
    config = {"steps": 20, "batch_size": 5, "warmup": 2, "sharing": sharing}
    curves = []
    for ranks in (1, 2):
        attempt = attempts(f"r{ranks}", "depth_pretrain", config, {"scenes": scenes}, ranks=ranks).begin()
        assert attempt.wait() == [0] * ranks, attempt.stderr()
        curves.append([e["value"] for e in attempt.events("metric") if e["name"] == "loss"])
    assert len(curves[0]) == 4
    # Uneven parts of 2 and 3 pictures: sums over ranks divided by counts over ranks, or this drifts apart at once.
    assert curves[1] == pytest.approx(curves[0], rel=5e-3)
