from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from depthvla.data.statistics import Both, Spread, Statistics
from depthvla.model.config import EncoderConfig, ExpertConfig, ModelConfig, TextConfig
from depthvla.model.depthvla import DepthVLA
from depthvla.model.export import Made, export_policy
from depthvla.model.normalisation import Normalisation
from depthvla.model.text import open_tokenizer


@pytest.fixture
def small() -> ModelConfig:
    """Every width and MLP an expert's own, fewer key heads than heads, two different vision transformers."""
    return ModelConfig(
        image=16, layers=3, heads=4, kv_heads=2, head_dim=8,
        vlm=ExpertConfig(24, 40), action=ExpertConfig(12, 20), depth=ExpertConfig(16, 28),
        vision=EncoderConfig(8, 20, layers=1, heads=2, mlp=30),
        depth_vision=EncoderConfig(4, 12, layers=1, heads=2, mlp=20, class_token=True, layer_scale=True, gelu="exact"),
        text=TextConfig(vocabulary=64, length=5), state=3, actions=2, horizon=4,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def export(tmp_path: Path) -> Callable[..., Path]:
    """Writes a policy with random weights, and statistics that make a difference."""

    def write(
        config: ModelConfig, cameras: tuple[str, ...] = ("observation.images.front",), blind: bool = False
    ) -> Path:
        def spread(width: int, seed: int) -> Spread:
            x = np.random.default_rng(seed).normal(0.1 * seed, 0.3 * seed, (50, width))
            of = (x.mean(0), x.std(0), x.min(0), x.max(0), *np.quantile(x, (0.01, 0.99), axis=0))
            return Spread([50] * width, *(v.tolist() for v in of))

        both = Both(spread(config.state, 1), spread(config.actions, 2))
        folder = tmp_path / "policy"
        tokenizer = open_tokenizer(config.text, tmp_path)
        export_policy(
            folder, config, DepthVLA(config).state_dict(), Normalisation(Statistics(both, {"demos": both})), tokenizer,
            cameras=cameras, instructions=["open the drawer", "press the button"], blind=blind,
            made=Made("train", "0123", {"demos": "4567"}, {"torch": "2"}),
        )  # fmt: skip
        return folder

    return write
