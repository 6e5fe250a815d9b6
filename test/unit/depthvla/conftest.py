from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from depthvla.model.config import ModelConfig
from random_policy import write_random_policy
from small_model import SMALL


@pytest.fixture
def small() -> ModelConfig:
    return SMALL


# Models here are so small that threads cost more than they bring, most of all beside other tests.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def export(tmp_path: Path) -> Callable[..., Path]:
    """Writes a policy with random weights."""
    return partial(write_random_policy, tmp_path / "policy")
