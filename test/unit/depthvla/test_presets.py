"""Sizes of the presets, beside those that were published of their parts."""

import json

import pytest
import torch
from torch import nn

from depthvla.model.config import from_json, to_json
from depthvla.model.depthvla import DepthVLA
from depthvla.model.presets import PRESETS
from depthvla.runtime.failure import WorkerError


def count(*modules: nn.Module | None) -> int:
    return sum(p.numel() for module in modules if module for p in module.parameters())


@pytest.fixture(scope="module")
def paper() -> DepthVLA:
    with torch.device("meta"):
        return DepthVLA(PRESETS["paper"])


def test_the_vision_language_part_is_paligemma_to_the_last_weight(paper: DepthVLA) -> None:
    assert count(paper.vlm) == 2_923_466_480  # google/paligemma-3b-pt-224, as the hub counts it
    assert (
        count(paper.vlm.encoder.embed, paper.vlm.encoder.layers, paper.vlm.encoder.norm)
        + (paper.vlm.encoder.position.numel())
        == 412_442_352
    )  # SigLIP So400m/14 without its pooling head
    assert count(paper.vlm.encoder.project) == 1152 * 2048 + 2048
    # Gemma 2B has 2,506,172,416 with 256,000 pieces; PaliGemma has 1,216 more, for places and masks.
    assert count(paper.vlm.words, paper.vlm.expert) == 2_506_172_416 + 1216 * 2048


def test_the_depth_encoder_is_dinov2_large(paper: DepthVLA) -> None:
    assert paper.depth
    encoder = paper.depth.encoder
    # facebook/dinov2-large has 304,368,640 at 518 pixels: 37 × 37 positions rather than 16 × 16, a position of the
    # class token apart from it, and a mask token.
    at_518 = count(encoder) - count(encoder.project) + (37**2 - 16**2) * 1024 + 2 * 1024
    assert at_518 == 304_368_640


def test_the_depth_branch_adds_about_600_million_and_the_whole_is_about_3_9_billion(paper: DepthVLA) -> None:
    # A Gemma 300M is 18 layers of 17,303,552 and a norm; no embedding.
    gemma_300m = 18 * (1024 * 2560 + 2048 * 1024 + 3 * 1024 * 4096 + 2 * 1024) + 1024
    assert count(paper.action.expert) == gemma_300m == 311_464_960
    assert paper.depth
    assert count(paper.depth.expert) == gemma_300m
    assert count(paper.depth) == pytest.approx(600e6, rel=0.05)
    assert count(paper) == pytest.approx(3.9e9, rel=0.02)


def test_presets_differ_in_numbers_only(paper: DepthVLA) -> None:
    with torch.device("meta"):
        kinds = {type(m) for name in PRESETS for m in DepthVLA(PRESETS[name]).modules()}
    # Without a vision transformer there is nothing to norm and nothing to project.
    assert kinds - {type(m) for m in paper.modules()} <= {nn.Identity}


@pytest.mark.parametrize("preset", list(PRESETS))
def test_every_preset_survives_json(preset: str) -> None:
    config = next(c for name, c in PRESETS.items() if name == preset)
    assert from_json(json.loads(json.dumps(to_json(config)))) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"imagee": 3}, "model has no imagee"),
        ({"image": "96"}, 'model.image can\'t be "96"'),
        ({"image": 97}, "97 don't divide into 16"),
        ({"vlm": {"width": 3, "mlp": 2, "wide": 1}}, "model.vlm has no wide"),
        ({"vlm": None}, "model.vlm can't be null"),
        ({"text": {"tokenizer": "bpe"}}, 'model.text.tokenizer can\'t be "bpe"'),
        ({"depth_cameras": 2}, "depth from 2 cameras, of 1"),
        ({"depth_pool": 4}, "don't divide into 4"),
        ({"depth": {"width": 8, "mlp": 8, "layers": 5}}, "5 layers, the mixture 4"),
    ],
)
def test_a_config_that_can_not_be_is_refused_by_name(change: dict[str, object], message: str) -> None:
    with pytest.raises(WorkerError, match=message):
        from_json({**to_json(PRESETS["tiny"]), **change})  # type: ignore[dict-item]
