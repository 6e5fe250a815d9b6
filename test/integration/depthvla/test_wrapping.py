import dataclasses

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from depthvla.model.config import ModelConfig
from depthvla.model.depthvla import DepthVLA
from depthvla.model.observation import Observation
from depthvla.model.units import layers, units
from depthvla.runtime.distributed import check_precision
from depthvla.runtime.failure import WorkerError
from depthvla.runtime.wrapping import compile_each, recompute
from small_model import SMALL


def gradients(model: DepthVLA) -> tuple[dict[str, Tensor], int]:
    """Of some loss; and how many bytes were kept for going backward."""
    c, kept = model.config, 0

    def keep(t: Tensor) -> Tensor:
        nonlocal kept
        kept += t.nbytes
        return t

    torch.manual_seed(1)
    seen = Observation(
        torch.randint(0, 256, (2, 1, c.image, c.image, 3), dtype=torch.uint8),
        torch.randint(0, 64, (2, 5)), torch.randn(2, c.state),
    )  # fmt: skip
    with saved_tensors_hooks(keep, lambda t: t):
        prefix = model.prefix(seen)
        velocity = model.velocity(prefix, torch.randn(2, 2, c.horizon, c.actions), torch.rand(2, 2))
        assert prefix.log_depth is not None
        loss = velocity.square().sum() + prefix.log_depth.square().sum()
    loss.backward()  # type: ignore[no-untyped-call]
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}, kept


@pytest.fixture
def small() -> ModelConfig:
    torch.manual_seed(0)
    return SMALL


def twins(small: ModelConfig) -> tuple[DepthVLA, DepthVLA]:
    a, b = DepthVLA(small), DepthVLA(small)
    b.load_state_dict(a.state_dict())
    return a, b


def test_recomputing_gives_the_same_gradients_bit_for_bit_and_keeps_less(small: ModelConfig) -> None:
    plain, wrapped = twins(small)
    recompute(layers(wrapped))
    (expected, kept), (made, kept_less) = gradients(plain), gradients(wrapped)
    assert made.keys() == expected.keys()
    assert all(torch.equal(made[name], g) for name, g in expected.items())
    assert kept_less < 0.6 * kept
    assert wrapped.state_dict().keys() == plain.state_dict().keys()


def test_compiled_layers_give_the_same_gradients(small: ModelConfig) -> None:
    # What is traced is run as it is: generating code takes minutes on a CPU.
    plain, wrapped = twins(dataclasses.replace(small, layers=1))
    compile_each(layers(wrapped), backend="eager")
    recompute(layers(wrapped))
    (expected, _), (made, _) = gradients(plain), gradients(wrapped)
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-5)


def test_layers_hold_most_weights_and_units_no_weight_twice(small: ModelConfig) -> None:
    model = DepthVLA(small)
    held = [id(p) for unit in units(model) for p in unit.parameters()]
    assert len(held) == len(set(held))
    assert sum(p.numel() for unit in units(model) for p in unit.parameters()) > 0.8 * sum(
        p.numel() for p in model.parameters()
    )
    assert len(layers(model)) == 3 * 3 * 2 + 2


def test_bf16_is_refused_where_it_would_be_emulated() -> None:
    check_precision("fp32", torch.device("cpu"))
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        check_precision("bf16", torch.device("cpu"))
    else:
        with pytest.raises(WorkerError, match="bf16"):
            check_precision("bf16", torch.device("cpu"))
