"""What joint training starts from."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from depthvla.model.config import ExpertConfig, ModelConfig
from depthvla.model.depth import DepthExpert
from depthvla.model.depthvla import DepthVLA
from depthvla.model.files import save_model
from depthvla.runtime.failure import WorkerError
from depthvla.training.policy import start_depth
from jobs_here import make_job


@pytest.mark.parametrize(
    "change", [{}, {"cameras": 2, "depth_cameras": 2}, {"depth_input": "measured"}, {"block_mask": False}], ids=str
)
def test_every_variant_starts_from_the_same_pretrained_depth_expert(
    small: ModelConfig, change: dict[str, Any], tmp_path: Path
) -> None:
    pretrained = DepthExpert(small)
    save_model(tmp_path / "expert", "depth-expert", small, pretrained.state_dict())
    model = DepthVLA(replace(small, **change))
    start_depth(make_job(tmp_path, "train_vla", {}, {"depth_expert": tmp_path / "expert"}), model, None)
    assert model.depth
    found, saved = model.depth.state_dict(), pretrained.state_dict()
    for name in found.keys() & saved.keys():
        assert_close(found[name], saved[name], rtol=0, atol=0)
    assert saved.keys() - found.keys() == ({"head.weight", "head.bias"} if "depth_input" in change else set())
    assert found.keys() - saved.keys() == ({"camera"} if "cameras" in change else set())
    if "cameras" in change:
        assert not torch.count_nonzero(found["camera"])


def test_a_depth_expert_of_other_layers_is_refused(small: ModelConfig, tmp_path: Path) -> None:
    save_model(tmp_path / "expert", "depth-expert", small, DepthExpert(small).state_dict())
    model = DepthVLA(replace(small, depth=ExpertConfig(16, 28, layers=2)))
    with pytest.raises(WorkerError, match=r"expert: expert.layers.2.\S+ is not one of this model's"):
        start_depth(make_job(tmp_path, "train_vla", {}, {"depth_expert": tmp_path / "expert"}), model, None)
