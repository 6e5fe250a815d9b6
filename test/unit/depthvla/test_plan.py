import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from depthvla.plan import main

WORKERS = Path(__file__).parents[3] / "worker-images"


def told(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, Any]:
    code = main([*argv, "--json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert code == (0 if found["fits"] else 1)
    return found


def test_the_question_of_every_plan_is_answered_without_pytorch() -> None:
    argv = ["--preset", "paper", "--gpus", "32", "--memory", "80", "--steps", "30000"]
    script = f"import sys, depthvla.plan as p; code = p.main({argv}); assert 'torch' not in sys.modules; sys.exit(code)"
    ran = subprocess.run([sys.executable, "-c", script], cwd=WORKERS, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "3,854,046,139 weights" in ran.stdout
    assert "fits with precision: bf16, sharing: hybrid, recompute: false" in ran.stdout
    assert "30,000 steps:" in ran.stdout


def test_what_is_recommended_adds_up_and_is_the_fastest_that_fits(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "--preset", "paper", "--gpus", "32", "--batch-size", "1024", "--steps", "1000")
    assert found["micro_batch_size"] * found["accumulation"] * 32 == found["batch_size"] == 1024
    assert found["memory"]["total"] <= 80 * 2**30
    assert found["samples_per_second"] >= 0.97 * max(w["samples_per_second"] for w in found["ways"] if w["fits"])
    assert found["gpu_hours"] == pytest.approx(1000 * found["time"]["total"] / 3600 * 32)
    parts = {k: v for k, v in found["memory"].items() if k != "total"}
    assert sum(parts.values()) == pytest.approx(found["memory"]["total"])


def test_what_does_not_fit_is_told_with_how_many_gpus_would_do(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "--preset", "paper", "--gpu", "4090")
    assert not found["fits"]
    assert found["enough_gpus"] in (4, 8)
    assert told(capsys, "--preset", "paper", "--gpu", "4090", "--gpus", str(found["enough_gpus"]))["fits"]
    assert main(["--preset", "paper", "--gpu", "4090"]) == 1
    assert f"{found['enough_gpus']} of these GPUs" in capsys.readouterr().out


def test_more_of_anything_takes_more_memory(capsys: pytest.CaptureFixture[str]) -> None:
    common = [
        "--preset",
        "paper",
        "--gpus",
        "8",
        "--micro-batch-size",
        "4",
        "--sharing",
        "shard",
        "--recompute",
        "false",
    ]

    def total(*more: str) -> float:
        return float(told(capsys, *common, *more)["memory"]["total"])

    base = total()
    more = [
        ["--cameras", "2"],
        ["--scenes", "1"],
        ["--noise-draws", "8"],
        ["--precision", "fp32"],
        ["--batch-size", "64"],
    ]
    assert all(total(*each) > base for each in more)
    less = [["--no-ema"], ["--no-depth-expert"], ["--freeze-depth-expert"], ["--noise-draws", "1"]]
    assert all(total(*each) < base for each in less)
    assert total("--recompute", "true") < base


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--gpus", "0"], "--gpus takes a whole number from 1, not 0"),
        (["--gpus", "12"], "--gpus 12 are no whole nodes of 8 (--per-node)"),
        (["--memory", "-1"], "--memory takes a number above 0, not -1"),
        (["--share", "40"], "--share takes a number above 0, up to 1, not 40"),
        (["--gpus", "4", "--batch-size", "6"], "--batch-size 6 is no multiple of 4 GPUs"),
        (["--batch-size", "6", "--micro-batch-size", "4"], "no multiple of --micro-batch-size 4"),
        (["--depth-cameras", "2"], "MODEL_INVALID: depth_cameras: depth from 2 cameras, of 1"),
        (["--no-depth-expert", "--scenes", "1"], "--no-depth-expert leaves nothing for"),
        (["--preset", "papre"], "invalid choice: 'papre'"),
        (["--measure", "--gpus", "2"], "--measure takes one GPU"),
    ],
)
def test_a_mistake_is_told_with_its_option(capsys: pytest.CaptureFixture[str], argv: list[str], said: str) -> None:
    try:
        code: object = main(["--preset", "paper", *argv])
    except SystemExit as left:
        code = left.code
    assert code in (64, 78)
    assert said in capsys.readouterr().err
