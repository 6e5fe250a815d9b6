"""The stages that train and label are certified from the command line: killed, resumed, and the same bit for bit."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
STEPS = 30
PIPELINE = """
name: certified
worker: {worker}
data:
  scenes: {{ path: {scenes}, format: rgbd-scenes }}
  demos: {{ path: {demos}, format: lerobot-v3 }}
  truth: {{ path: {truth}, format: demo-depth }}
stages:
  pretrain:
    entry: depth_pretrain
    inputs: {{ scenes: data.scenes }}
    with: {{ steps: {steps}, batch_size: 4, warmup: 2 }}
    checkpoint: {{ every: 10 steps }}
  labels:
    entry: label_depth
    inputs: {{ demos: data.demos, labeller: pretrain.model, truth: data.truth }}
    with: {{ batch_size: 1, commit_every: 0 }}
    shards: 2
  train:
    entry: train_vla
    inputs: {{ demos: data.demos, labels: labels.labels, scenes: data.scenes }}
    with: {{ steps: {steps}, batch_size: 4, scene_batch_size: 2, noise_draws: 2, warmup: 2 }}
    checkpoint: {{ every: 10 steps }}
"""
Orchestrate = Callable[..., Any]


@pytest.fixture
def orchestrate(tmp_path: Path) -> Iterator[Orchestrate]:
    """Runs a command with --json in a state directory of its own."""
    mine = {k: v for k, v in os.environ.items() if not k.startswith(("ORCHESTRATE_", "AWS_", "REDIS_URL"))}
    mine |= {"ORCHESTRATE_STATE": str(tmp_path / "state")}

    def run(*arguments: str) -> Any:
        command = [ROOT / "orchestrator" / "cli" / "orchestrate", *arguments]
        done = subprocess.run(command, env=mine, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout) if "--json" in arguments else None

    yield run
    run("stop")


def test_pretraining_labelling_and_joint_training_resume_to_the_same_bits_with_one_and_two_ranks(
    orchestrate: Orchestrate, scenes: Path, many_demos: tuple[Path, Path], tmp_path: Path
) -> None:
    file = tmp_path / "pipeline.yaml"
    worker = ROOT / "worker-images" / "depthvla"
    demos, truth = many_demos
    file.write_text(PIPELINE.format(worker=worker, scenes=scenes, demos=demos, truth=truth, steps=STEPS))
    run = orchestrate("run", str(file), "--json")["run"]
    made = orchestrate("certify", run, "--seed", "2", "--json")
    assert made["leftOut"] == []
    certificates = made["certificates"]
    for words in (("labels", "--seed", "1"), ("pretrain", "--ranks", "2"), ("train", "--ranks", "2")):
        certificates += orchestrate("certify", *words, "--json")["certificates"]

    what = [(c["stage"], c["shard"] if c["shards"] > 1 else None, c["ranks"], c["verdict"]) for c in certificates]
    assert what == [
        ("pretrain", None, 1, "same"),
        ("labels", 0, 1, "same"),
        ("train", None, 1, "same"),
        ("labels", 1, 1, "same"),
        ("pretrain", None, 2, "same"),
        ("train", None, 2, "same"),
    ]
    for certificate in certificates:
        assert certificate["warnings"] == certificate["notCompared"] == []
        compared = {row["what"]: row["count"] for row in certificate["compared"]}
        assert compared["resume"] == 1
        assert compared[f"state at step {certificate['steps']}"] >= certificate["ranks"] + 1
        if certificate["stage"] != "labels":
            assert compared["metric loss"] == STEPS / 5
            assert compared["results"] > 0
        [kill] = certificate["kills"]
        assert 0 < kill["resumedFrom"] <= kill["reached"] < certificate["steps"]
        assert kill["rank"] < certificate["ranks"]
    kept = json.loads((Path(made["folder"]) / "certificate.json").read_text())["certificates"]
    assert kept == certificates
