"""Curves in TensorBoard and Weights & Biases (offline): each step once, whatever happened to the attempts."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from wandb.proto.wandb_internal_pb2 import Record

from depthvla.runtime.wandb_log import records

Make = Callable[..., Any]
STEPS = 60


def asked(folder: Path) -> dict[str, Any]:
    wandb = {"project": "p", "entity": None, "mode": "offline"}
    return {"folder": str(folder), "name": "train[full]", "tensorboard": True, "wandb": wandb}


def until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def weights(attempt: Any) -> bytes:
    return bytes((attempt.output("model") / "model.safetensors").read_bytes())


def told(*attempts: Any) -> list[tuple[int, float]]:
    """The loss as the events have it: the last word on each step."""
    events = [e for attempt in attempts for e in attempt.events("metric") if e["name"] == "loss"]
    return sorted({e["step"]: e["value"] for e in events}.items())


def in_tensorboard(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0, "tensors": 0}).Reload()


def in_wandb(folder: Path) -> list[Any]:
    """The records of all attempts, as `wandb sync` would send them one file after the other."""
    files = sorted(folder.glob("wandb.*/wandb/offline-run-*/run-*.wandb"))
    return [Record.FromString(each) for file in files for each in records(file)]


def history(found: list[Any]) -> list[tuple[int, dict[str, Any]]]:
    rows = [r.history for r in found if r.WhichOneof("record_type") == "history"]
    return [(row.step.num, {i.key or i.nested_key[0]: json.loads(i.value_json) for i in row.item}) for row in rows]


def test_a_killed_and_resumed_training_leaves_each_step_once_and_the_bits_of_one_without_curves(
    attempts: Make, scenes: Path, tmp_path: Path
) -> None:
    config, folder = {"steps": STEPS, "batch_size": 4, "warmup": 2}, tmp_path / "curves"
    plain = attempts("plain", "depth_pretrain", config, {"scenes": scenes}).begin()
    first = attempts("first", "depth_pretrain", config, {"scenes": scenes}, every=10)
    first.job["metrics"] = asked(folder)
    first.begin().until("checkpoint", 3)
    first.signal(signal.SIGSTOP)
    until(lambda: any(step >= 25 for step, _ in history(in_wandb(folder))))
    first.signal(signal.SIGKILL)
    first.wait()
    # Its newest checkpoint is lost, so that steps are done again of which there are curves.
    kept = [key for key in first.manifests() if key.endswith(("/10/manifest.json", "/20/manifest.json"))]
    second = first.next(kept).begin()
    assert second.wait() == [0], second.stderr()
    assert second.events("warning") == []
    assert plain.wait() == [0], plain.stderr()
    assert weights(second) == weights(plain)

    curves, loss = in_tensorboard(folder), told(first, second)
    assert [step for step, _ in loss] == list(range(5, STEPS + 1, 5))
    assert [(e.step, e.value) for e in curves.Scalars("loss")] == [(s, pytest.approx(v)) for s, v in loss]
    assert [image.step for image in curves.Images("depth")] == [STEPS]
    results = second.events("done")[0]["metrics"]
    assert {tag for tag in curves.Tags()["scalars"] if tag.startswith("results/")} == {f"results/{m}" for m in results}
    assert "_hparams_/session_start_info" in curves.summary_metadata

    found = in_wandb(folder)
    rows = [(step, row["loss"]) for step, row in history(found) if "loss" in row]
    assert len({step for step, _ in rows}) == len(rows)
    # Who is killed loses what it hasn't written within the last second.
    resumed_at = second.events("metric")[0]["step"]
    assert resumed_at == 25
    assert set(rows) <= set(loss)
    assert {row for row in loss if row[0] >= resumed_at} <= set(rows)
    runs = {(r.run.run_id, r.run.display_name, r.run.project) for r in found if r.WhichOneof("record_type") == "run"}
    assert runs == {("k" * 32, "train[full]", "p")}


def test_curves_that_can_not_be_written_are_said_once_and_stop_nothing(
    attempts: Make, scenes: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder can be made in a file")
    broken = attempts("broken", "depth_pretrain", {"steps": 10, "batch_size": 4}, {"scenes": scenes})
    broken.job["metrics"] = asked(tmp_path / "file" / "curves")
    assert broken.begin().wait() == [0], broken.stderr()
    said = [e["message"] for e in broken.events("warning")]
    assert [message.split(" gets nothing more")[0] for message in said] == ["TensorBoard", "Weights & Biases"]
    assert broken.events("done")
