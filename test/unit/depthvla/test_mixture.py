import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

from depthvla.model.config import ExpertConfig, ModelConfig, places
from depthvla.model.depth import depth_picture
from depthvla.model.depthvla import DepthVLA
from depthvla.model.flow import integrate
from depthvla.model.layers import rope_table
from depthvla.model.mixture import Stream, mix
from depthvla.model.observation import Observation
from depthvla.runtime.failure import WorkerError

B = 3


def batch(c: ModelConfig) -> Observation:
    """Pictures, words with padding at their end, states; one camera of one moment is missing if there are several."""
    words = torch.tensor([[5, 6, 0, 0, 0], [7, 8, 9, 10, 11], [12, 0, 0, 0, 0]])
    images = torch.randint(0, 256, (B, c.cameras, c.image, c.image, 3), dtype=torch.uint8)
    present = torch.ones(B, c.cameras, dtype=torch.bool)
    present[1, 1:] = False
    depth = torch.rand(B, c.depth_cameras, c.image, c.image) + 0.5 if c.depth_input == "measured" else None
    return Observation(images, words, torch.randn(B, c.state), None if c.cameras == 1 else present, depth)


def all_streams(
    model: DepthVLA, o: Observation, noisy: Tensor, time: Tensor
) -> tuple[dict[str, Stream], dict[str, Tensor]]:
    """Every token of the model in one go, as the paper's figure has them; one noise draw."""
    c = model.config
    assert model.depth
    names = ("vlm", "depth")
    apart = c.block_mask
    vlm, valid = model.vlm.stream(o.images, o.words, o.present, ("vlm",) if apart else names)
    start = max(len(vlm.positions), (c.image // c.depth_vision.patch) ** 2)
    after = torch.arange(start, start + 1 + c.horizon)
    depth = model.depth.tokens(o.images[:, 0])
    return {
        "vlm": vlm,
        "depth": model.depth.stream(depth, ("depth",) if apart else names),
        "state": Stream(model.action.expert, model.action.state(o.state)[:, None], after[:1], (*names, "state")),
        "action": Stream(model.action.expert, model.action.embed(noisy, time), after[1:], (*names, "state", "action")),
    }, {"vlm": valid}  # fmt: skip


def dense(streams: dict[str, Stream], valid: dict[str, Tensor], c: ModelConfig) -> dict[str, Tensor]:
    """One attention over all tokens under one mask, heads repeated by hand: slow, and plainly right."""
    hidden = {n: s.tokens for n, s in streams.items()}
    names, lengths = list(streams), [s.tokens.shape[1] for s in streams.values()]
    total = sum(lengths)
    mask = torch.zeros(B, total, total, dtype=torch.bool)
    starts = dict(zip(names, [sum(lengths[:i]) for i in range(len(lengths))], strict=True))
    for n, s in streams.items():
        for o in s.sees:
            rows = slice(starts[n], starts[n] + s.tokens.shape[1])
            columns = slice(starts[o], starts[o] + streams[o].tokens.shape[1])
            mask[:, rows, columns] = valid[o][:, None, :] if o in valid else True
    for i in range(c.layers):
        layers = {n: own for n, s in streams.items() if (own := list(s.expert.in_mixture())[i])}
        made = [
            layer.inward(hidden[n], rope_table(streams[n].positions, c.head_dim, c.rope_base))
            for n, layer in layers.items()
        ]
        here = torch.cat([torch.arange(starts[n], starts[n] + streams[n].tokens.shape[1]) for n in layers])
        q, k, v = (torch.cat(parts, dim=2) for parts in zip(*made, strict=True))
        k, v = (t.repeat_interleave(c.heads // c.key_heads, dim=1) for t in (k, v))
        hidden_from = ~mask[:, here][:, :, here]
        weight = (q @ k.transpose(2, 3) / c.head_dim**0.5).masked_fill(hidden_from[:, None], float("-inf")).softmax(-1)
        counts = [streams[n].tokens.shape[1] for n in layers]
        for (n, layer), part in zip(layers.items(), (weight @ v).split(counts, dim=2), strict=True):
            hidden[n] = layer.outward(hidden[n], part)
    return {n: s.expert.norm(hidden[n]) for n, s in streams.items()}


VARIANTS = {
    "as in the paper": {},
    "no block mask": {"block_mask": False},
    "as many key heads as heads": {"kv_heads": 0},
    "one key head": {"kv_heads": 1},
    "fewer depth layers": {"depth": ExpertConfig(16, 28, layers=2)},
    "fewer depth layers, no block mask": {"depth": ExpertConfig(16, 28, layers=2), "block_mask": False},
    "fewer depth tokens": {"depth_pool": 2},
}


@pytest.fixture(params=list(VARIANTS))
def variant(request: pytest.FixtureRequest, small: ModelConfig) -> ModelConfig:
    return dataclasses.replace(small, **VARIANTS[request.param])


def mixed(streams: dict[str, Stream], valid: dict[str, Tensor], c: ModelConfig) -> Mapping[str, Tensor]:
    return mix(streams, head_dim=c.head_dim, rope_base=c.rope_base, valid=valid).hidden


def test_streams_with_a_table_are_one_attention_under_the_block_mask(variant: ModelConfig) -> None:
    c, model = variant, DepthVLA(variant)
    streams, valid = all_streams(model, batch(c), torch.randn(B, 1, c.horizon, c.actions), torch.rand(B, 1))
    expected = dense(streams, valid, c)
    for name, hidden in mixed(streams, valid, c).items():
        # What padding itself becomes is read by nobody.
        rows = valid.get(name, torch.ones(hidden.shape[:2], dtype=torch.bool))
        assert_close(hidden[rows], expected[name][rows], rtol=1e-4, atol=1e-5)


def test_a_cached_prefix_gives_what_computing_everything_each_time_gives(variant: ModelConfig) -> None:
    c, model = variant, DepthVLA(variant)
    data, noisy, time = batch(c), torch.randn(B, 1, c.horizon, c.actions), torch.rand(B, 1)
    streams, valid = all_streams(model, data, noisy, time)
    whole = dense(streams, valid, c)
    prefix = model.prefix(data)
    cached = model.velocity(prefix, noisy, time)
    assert_close(cached[:, 0], model.action.velocity(whole["action"]), rtol=1e-4, atol=1e-5)
    assert model.depth
    assert prefix.log_depth is not None
    assert_close(prefix.log_depth, model.depth.read(whole["depth"]), rtol=1e-4, atol=1e-5)


def test_actions_are_the_same_with_the_cache_and_without(variant: ModelConfig) -> None:
    c, model, data = variant, DepthVLA(variant), batch(variant)
    noise = torch.randn(B, c.horizon, c.actions)

    def anew(x: Tensor, time: Tensor) -> Tensor:
        streams, valid = all_streams(model, data, x[:, None], time[:, None])
        out: Tensor = model.action.velocity(mixed(streams, valid, c)["action"])
        return out

    assert_close(model.act(data, noise), integrate(anew, noise), rtol=1e-4, atol=1e-5)


def test_noise_draws_do_not_see_each_other(small: ModelConfig) -> None:
    model, data = DepthVLA(small), batch(small)
    noisy, time = torch.randn(B, 4, small.horizon, small.actions), torch.rand(B, 4)
    prefix = model.prefix(data)
    together = model.velocity(prefix, noisy, time)
    for k in range(4):
        alone = model.velocity(prefix, noisy[:, k : k + 1], time[:, k : k + 1])
        assert_close(together[:, k], alone[:, 0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cameras", [1, 2])
def test_the_depth_expert_sees_the_same_alone_and_inside_the_block_mask(small: ModelConfig, cameras: int) -> None:
    c = dataclasses.replace(small, cameras=cameras, depth_cameras=cameras)
    model, data = DepthVLA(c), batch(c)
    assert model.depth
    pictures = data.images.flatten(0, 1)
    prefix = model.prefix(data, depth_images=pictures.flip(0))
    assert_close(prefix.log_depth, model.depth(torch.cat((pictures, pictures.flip(0)))))
    assert_close(prefix.log_depth[: len(pictures)], model.look(pictures))


@pytest.mark.parametrize("key_heads", [1, 2])
@pytest.mark.parametrize("block_mask", [True, False])
def test_no_further_pictures_at_all_change_nothing(small: ModelConfig, block_mask: bool, key_heads: int) -> None:
    c = dataclasses.replace(small, block_mask=block_mask, kv_heads=key_heads)
    model, data = DepthVLA(c), batch(c)
    prefix = model.prefix(data, depth_images=data.images[:0, 0])
    assert prefix.log_depth is not None
    assert_close(prefix.log_depth, model.prefix(data).log_depth)
    prefix.log_depth.square().sum().backward()
    assert model.depth
    assert all(p.grad is not None for p in model.depth.parameters() if p.requires_grad)


def gradient(of: Tensor, to: Tensor) -> float:
    (g,) = torch.autograd.grad(of.square().sum(), to, retain_graph=True, allow_unused=True)
    return 0.0 if g is None else float(g.abs().sum())


@pytest.mark.parametrize("block_mask", [True, False])
def test_who_sees_whom(small: ModelConfig, block_mask: bool) -> None:
    c = dataclasses.replace(small, block_mask=block_mask)
    model = DepthVLA(c)
    streams, valid = all_streams(model, batch(c), torch.randn(B, 1, c.horizon, c.actions), torch.rand(B, 1))
    leaves = {n: s.tokens.detach().requires_grad_() for n, s in streams.items()}
    leafy = {n: dataclasses.replace(s, tokens=leaves[n]) for n, s in streams.items()}
    hidden = mixed(leafy, valid, c)
    sees = {n: {o for o in leaves if gradient(hidden[n], leaves[o]) > 0} for n in leaves}
    prefix = {"vlm", "depth"}
    assert sees == {
        "vlm": {"vlm"} if block_mask else prefix,
        "depth": {"depth"} if block_mask else prefix,
        "state": prefix | {"state"},
        "action": prefix | {"state", "action"},
    }


def capture(module: nn.Module, outputs: dict[str, Tensor], name: str) -> None:
    """Makes what a module puts out something that gradients can be asked of."""

    def keep(_module: nn.Module, _args: object, out: Tensor) -> Tensor:
        outputs[name] = out if out.requires_grad else out.requires_grad_()
        return outputs[name]

    module.register_forward_hook(keep)


@pytest.mark.parametrize("block_mask", [True, False])
@pytest.mark.parametrize("cameras", [1, 2])
def test_gradients_flow_along_the_block_mask_and_nowhere_else(
    small: ModelConfig, cameras: int, block_mask: bool
) -> None:
    c = dataclasses.replace(small, block_mask=block_mask, cameras=cameras, depth_cameras=cameras)
    model, seen = DepthVLA(c), dict[str, Tensor]()
    assert model.depth
    inputs = {"picture": model.vlm.encoder, "words": model.vlm.words, "depth picture": model.depth.encoder,
              "state": model.action.state, "noisy": model.action.noisy}  # fmt: skip
    for name, module in inputs.items():
        capture(module, seen, name)
    prefix = model.prefix(batch(c))
    velocity = model.velocity(prefix, torch.randn(B, 2, c.horizon, c.actions), torch.rand(B, 2))
    assert prefix.log_depth is not None
    last = {name: layers[-1] for name, layers in prefix.cache.items()}
    outputs = {
        "depth": prefix.log_depth, "velocity": velocity, "first draw": velocity[:, 0],
        **{f"{name}'s last values": kv[1] for name, kv in last.items() if kv},
    }  # fmt: skip
    flows = {name: {o for o in seen if gradient(out, seen[o]) > 0} for name, out in outputs.items()}
    vlm, depth = {"picture", "words"}, {"depth picture"}
    if not block_mask:
        vlm = depth = vlm | depth
    assert flows == {
        "depth": depth, "depth's last values": depth, "vlm's last values": vlm,
        "state's last values": vlm | depth | {"state"},
        "velocity": {*inputs}, "first draw": {*inputs},
    }  # fmt: skip
    # One noise draw doesn't see the other.
    (g,) = torch.autograd.grad(velocity[:, 0].square().sum(), seen["noisy"])
    assert g[:, 0].abs().sum() > 0
    assert not g[:, 1].any()


def test_padding_of_an_instruction_is_seen_by_nobody(small: ModelConfig) -> None:
    model, o = DepthVLA(small), batch(small)
    noisy, time = torch.randn(B, 1, small.horizon, small.actions), torch.rand(B, 1)
    before = model.velocity(model.prefix(o), noisy, time)
    with torch.no_grad():
        model.vlm.words.weight[0] += 10
    assert_close(model.velocity(model.prefix(o), noisy, time), before)


@pytest.mark.parametrize("block_mask", [True, False])
def test_a_camera_that_is_not_there_is_seen_by_nobody(small: ModelConfig, block_mask: bool) -> None:
    c = dataclasses.replace(small, cameras=2, depth_cameras=2, block_mask=block_mask)
    model, o = DepthVLA(c), batch(c)
    noise = torch.randn(B, c.horizon, c.actions)
    before = model.act(o, noise)
    o.images[1, 1] = 255 - o.images[1, 1]
    assert_close(model.act(o, noise), before)
    o.images[1, 0] = 255 - o.images[1, 0]
    assert (model.act(o, noise)[1] - before[1]).abs().max() > 1e-6


def test_cameras_are_told_apart(small: ModelConfig) -> None:
    c = dataclasses.replace(small, cameras=2, depth_cameras=2)
    model, o = DepthVLA(c), batch(c)
    o = dataclasses.replace(o, present=None)
    assert model.depth
    assert model.depth.camera is not None
    nn.init.normal_(model.depth.camera)
    noise = torch.randn(B, c.horizon, c.actions)
    swapped = dataclasses.replace(o, images=o.images.flip(1))
    assert (model.act(swapped, noise) - model.act(o, noise)).abs().max() > 1e-6


def test_measured_depth_can_be_what_the_depth_expert_sees(small: ModelConfig) -> None:
    c = dataclasses.replace(small, depth_input="measured")
    model, o = DepthVLA(c), batch(c)
    assert model.prefix(o).log_depth is None
    assert not any("depth.head" in name for name in model.state_dict())
    noise = torch.randn(B, c.horizon, c.actions)
    assert o.depth is not None
    before = model.act(o, noise)
    assert (model.act(dataclasses.replace(o, depth=o.depth * 2), noise) - before).abs().max() > 1e-6
    with pytest.raises(WorkerError, match="takes measured depth"):
        model.prefix(dataclasses.replace(o, depth=None))


def test_depth_as_a_picture_is_logarithmic_and_tells_what_was_not_measured() -> None:
    grey = depth_picture(torch.tensor([[0.0, float("nan"), float("inf"), 0.05, 0.1, 1.0, 10.0, 50.0]]))[..., 0]
    assert_close(grey[0], torch.tensor([0.0, 0, 0, 1, 1, 128, 255, 255]))


@pytest.mark.parametrize(
    "change",
    [{}, {"depth_input": "measured"}, {"cameras": 3, "depth_cameras": 2}, {"depth": None}, {"block_mask": False}],
    ids=str,
)
def test_every_weight_that_is_trained_gets_a_gradient(small: ModelConfig, change: dict[str, Any]) -> None:
    c = dataclasses.replace(small, **change)
    model = DepthVLA(c)
    prefix = model.prefix(batch(c))
    loss = model.velocity(prefix, torch.randn(B, 2, small.horizon, small.actions), torch.rand(B, 2)).square().sum()
    if prefix.log_depth is not None:
        loss = loss + prefix.log_depth.square().sum()
    loss.backward()
    assert [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
    assert [n for n, p in model.named_parameters() if not p.requires_grad and p.grad is not None] == []


def test_without_a_depth_expert_it_is_pi_zero(small: ModelConfig) -> None:
    model = DepthVLA(dataclasses.replace(small, depth=None))
    prefix = model.prefix(batch(small))
    assert prefix.log_depth is None
    assert set(prefix.cache) == {"vlm", "state"}
    assert not any(name.startswith("depth") for name in model.state_dict())


def test_scaled_dot_products_divide_by_the_root_of_the_head_size() -> None:
    q = torch.randn(1, 1, 2, 8)
    assert_close(F.scaled_dot_product_attention(q, q, q), (q @ q.transpose(2, 3) / 8**0.5).softmax(-1) @ q)


@pytest.mark.parametrize(
    ("own", "layers", "expected"),
    [(4, 4, (0, 1, 2, 3)), (2, 4, (1, 3)), (1, 18, (17,)), (3, 9, (2, 5, 8)), (2, 3, (1, 2))],
)
def test_an_expert_with_fewer_layers_is_spread_over_the_mixture(
    own: int, layers: int, expected: tuple[int, ...]
) -> None:
    assert places(own, layers) == expected
