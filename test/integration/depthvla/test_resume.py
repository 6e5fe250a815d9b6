"""A run that was killed and resumed ends with the same bits as one that was not."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

Make = Callable[..., Any]
STEPS, EVERY = 60, 3
CONFIG = {"steps": STEPS, "batch_size": 4, "warmup": 2, "ema": 0.9, "micro_batch_size": 2}
SCHEMAS = Path(__file__).parents[3] / "orchestrator" / "protocol" / "schema"


def weights(attempt: Any, output: str = "model") -> bytes:
    return bytes((attempt.output(output) / "model.safetensors").read_bytes())


def last_state(attempt: Any) -> tuple[int, list[dict[str, Any]]]:
    """Step and files, with their hashes, of the newest checkpoint."""
    manifest = json.loads((attempt.store / attempt.manifests()[0]).read_text())
    return manifest["step"], manifest["files"]


def curve(*attempts: Any) -> dict[tuple[str, int], set[float]]:
    """Every value that was told of a metric at a step."""
    told: dict[tuple[str, int], set[float]] = {}
    for event in (e for attempt in attempts for e in attempt.events("metric")):
        told.setdefault((event["name"], event["step"]), set()).add(event["value"])
    return told


@pytest.mark.parametrize(("ranks", "sharing"), [(1, "replicate"), (2, "replicate"), (2, "shard")])
def test_a_killed_and_resumed_run_ends_with_the_bits_of_one_that_was_not(
    attempts: Make, scenes: Path, ranks: int, sharing: str
) -> None:
    config = {**CONFIG, "sharing": sharing}
    twin = attempts("twin", "depth_pretrain", config, {"scenes": scenes}, ranks=ranks, final=True).begin()
    assert twin.wait() == [0] * ranks, twin.stderr()
    first = attempts("killed", "depth_pretrain", config, {"scenes": scenes}, ranks=ranks, every=EVERY).begin()
    first.until("checkpoint", 2)
    first.signal(signal.SIGKILL)
    assert first.wait() == [-signal.SIGKILL] * ranks
    kept = first.manifests()
    manifest = json.loads((first.store / kept[0]).read_text())
    jsonschema.validate(manifest, json.loads((SCHEMAS / "checkpoint-manifest.json").read_text()))
    assert len(kept) >= 2
    assert manifest["metrics"]["loss"] in [e["value"] for e in first.events("metric") if e["name"] == "loss"]
    assert manifest["step"] < STEPS
    assert len([f for f in manifest["files"] if f["path"].endswith(".distcp")]) == ranks
    second = first.next(kept, checkpoint={**first.job["checkpoint"], "final": True}).begin()
    assert second.wait() == [0] * ranks, second.stderr()
    assert second.events("warning") == []
    assert second.events("progress")[0]["step"] > manifest["step"]
    assert json.loads((second.store / second.manifests()[0]).read_text())["parent"] == kept[0]
    assert weights(second) == weights(twin)
    step, files = last_state(second)
    assert (step, files) == last_state(twin)
    assert step == STEPS
    assert curve(first, second) == curve(twin)


def test_joint_training_with_all_its_parts_resumes_bit_for_bit(
    attempts: Make, scenes: Path, demos: tuple[Path, Path], tmp_path: Path
) -> None:
    small = {"scenes": scenes}
    expert = attempts("expert", "depth_pretrain", {"steps": 3, "batch_size": 4}, small).begin()
    labeller = attempts("labeller", "depth_pretrain", {"steps": 3, "batch_size": 4, "seed": 1}, small).begin()
    assert expert.wait() + labeller.wait() == [0, 0], expert.stderr() + labeller.stderr()
    bound = {"demos": demos[0], "truth": demos[1], "labeller": labeller.output("model")}
    labels = attempts("labels", "label_depth", {}, bound).begin()
    assert labels.wait() == [0], labels.stderr()
    bound = {
        "demos": demos[0], "labels": labels.output("labels"), "scenes": scenes, "depth_expert": expert.output("model")
    }  # fmt: skip
    config = {"steps": 40, "batch_size": 4, "scene_batch_size": 2, "noise_draws": 2, "warmup": 2}
    twin = attempts("twin", "train_vla", config, bound, ranks=2).begin()
    assert twin.wait() == [0, 0], twin.stderr()
    first = attempts("stopped", "train_vla", config, bound, ranks=2, every=EVERY).begin()
    first.until("checkpoint")
    first.signal(signal.SIGTERM)
    assert first.wait() == [75, 75], first.stderr()
    assert first.events("failed") == []
    second = first.next(first.manifests()).begin()
    assert second.wait() == [0, 0], second.stderr()
    assert weights(second, "policy") == weights(twin, "policy")
    done = second.events("done")[0]["metrics"]
    assert done.keys() >= {"loss.flow", "loss.depth", "depth.absrel.random_camera"}
    assert {p.name for p in second.output("policy").iterdir()} == {
        "model.safetensors", "config.json", "statistics.json", "vocabulary.json", "README.md"
    }  # fmt: skip


def test_sigterm_saves_the_step_it_came_in_and_sigusr1_saves_and_goes_on(attempts: Make, scenes: Path) -> None:
    config = {**CONFIG, "steps": 4000}
    attempt = attempts("signals", "depth_pretrain", config, {"scenes": scenes}, ranks=2).begin()
    attempt.until("progress")
    attempt.signal(signal.SIGUSR1)
    saved = attempt.until("checkpoint")[0]
    at = attempt.events("progress")[-1]["step"]
    while attempt.until("progress")[-1]["step"] <= at:
        pass
    attempt.signal(signal.SIGTERM)
    assert attempt.wait() == [75, 75], attempt.stderr()
    steps = [e["step"] for e in attempt.events("checkpoint")]
    assert len(steps) == 2
    assert {e["what"] for e in attempt.events("busy")} == {"saving"}  # the last save was waited for, and said to be
    assert saved["step"] == steps[0] < steps[1] < 4000
    assert all(e["bytes"] > 0 and e["stall_ms"] >= 0 for e in attempt.events("checkpoint"))
    assert [m.split("/")[-2] for m in attempt.manifests()] == [str(s) for s in reversed(steps)]


@pytest.fixture
def stopped(attempts: Make, scenes: Path) -> Any:
    """A run that was stopped with two checkpoints, newest first."""
    attempt = attempts("first", "depth_pretrain", CONFIG, {"scenes": scenes}, every=EVERY).begin()
    attempt.until("checkpoint", 2)
    attempt.signal(signal.SIGKILL)
    attempt.wait()
    return attempt


def test_a_broken_checkpoint_is_said_and_the_one_before_is_taken(stopped: Any) -> None:
    newest, older, *_ = stopped.manifests()
    part = next((stopped.store / newest).parent.glob("*.distcp"))
    body = bytearray(part.read_bytes())
    body[len(body) // 2] ^= 1
    part.unlink()
    part.write_bytes(bytes(body))
    second = stopped.next([newest, older]).begin()
    assert second.wait() == [0], second.stderr()
    warnings = [e["message"] for e in second.events("warning")]
    assert len(warnings) == 1
    assert newest in warnings[0]
    assert "SHA-256" in warnings[0]
    assert json.loads((second.store / second.manifests()[0]).read_text())["parent"] == older


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_a_checkpoint_resumes_on_another_number_of_ranks_and_says_that_bits_may_differ(
    attempts: Make, scenes: Path, before: int, after: int
) -> None:
    config = {**CONFIG, "sharing": "shard"}
    first = attempts("first", "depth_pretrain", config, {"scenes": scenes}, ranks=before, every=EVERY).begin()
    first.until("checkpoint")
    first.signal(signal.SIGTERM)
    assert first.wait() == [75] * before, first.stderr()
    saved = first.events("checkpoint")[-1]["step"]
    second = first.next(first.manifests(), ranks=after).begin()
    assert second.wait() == [0] * after, second.stderr()
    assert second.events("progress")[0]["step"] > saved
    said = [e["message"] for rank in range(after) for e in second.events("warning", rank)]
    assert ["bits may differ" in message for message in said] == [True]


def test_checkpoints_that_are_all_unusable_are_said_and_training_starts_over(stopped: Any) -> None:
    newest, older, *_ = stopped.manifests()
    (stopped.store / newest).write_text("{")
    manifest = json.loads((stopped.store / older).read_text())
    (stopped.store / older).write_text(json.dumps({**manifest, "job": "x" * 64}))
    second = stopped.next([newest, older, "jobs/k/s0/1/checkpoints/999/manifest.json"]).begin()
    assert second.wait() == [0], second.stderr()
    messages = [e["message"] for e in second.events("warning")]
    assert len(messages) == 4
    assert "starts from the beginning" in messages[3]
    assert second.events("progress")[0]["step"] == 5
