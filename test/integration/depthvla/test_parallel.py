"""However a step is cut, over ranks and over micro-batches, and however ranks share the model: the same training.

Held here (measured): loss curves to 1e-6 of one rank's (5e-8), weights after five steps to 5e-4 (8e-5: Adam divides by
the root of squares, so that where a gradient is nearly 0 its rounding counts).
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

LAB = Path(__file__).with_name("parallel_lab.py")
WORKERS = Path(__file__).parents[3] / "worker-images"
EXACT = ["one-micro", "two-micro", "four", "two-shard-micro-recompute", "four-hybrid-micro"]
HALVED = ["one-bf16", "two-shard-bf16"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lab")
    environment = os.environ | {"PYTHONPATH": str(WORKERS), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, str(LAB), str(folder)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "Warning" not in ran.stderr
    return folder


def told(lab: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((lab / f"{name}.json").read_text())
    return found


def curve(lab: Path, name: str) -> dict[str, float]:
    return {f"{key} {step}": value for key, step, value in told(lab, name)["curve"]}


def weights(lab: Path, name: str) -> dict[str, Tensor]:
    found: dict[str, Tensor] = torch.load(lab / f"{name}.pt")
    return found


@pytest.mark.parametrize("name", EXACT)
def test_other_ranks_and_micro_batches_give_the_loss_curve_of_one_rank(lab: Path, name: str) -> None:
    one = curve(lab, "one")
    assert one.keys() == {"loss 5", "loss.flow 5", "loss.depth 5"}
    assert curve(lab, name) == pytest.approx(one, rel=1e-6)
    expected = weights(lab, "one")
    for key, made in weights(lab, name).items():
        torch.testing.assert_close(made, expected[key], rtol=0, atol=5e-4)


@pytest.mark.parametrize("name", HALVED)
def test_bf16_is_close_to_fp32_and_is_not_fp32(lab: Path, name: str) -> None:
    one, made = curve(lab, "one"), curve(lab, name)
    assert made == pytest.approx(one, rel=2e-3)  # measured: 2e-4
    assert all(abs(made[key] - one[key]) > 1e-7 for key in one)
    assert {t.dtype for t in weights(lab, name).values()} == {torch.float32}


def test_every_way_starts_from_the_same_bits_and_only_rank_0_ever_has_the_whole(lab: Path) -> None:
    assert {told(lab, name)["start"] for name in EXACT + HALVED} == {told(lab, "one")["start"]}
    made = [(lab / "four-hybrid-micro" / str(rank) / "made").read_text() for rank in range(4)]
    assert made == ["meta cpu", "meta", "meta", "meta"]
