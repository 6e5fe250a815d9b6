import dataclasses

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

from depthvla.model.config import ModelConfig
from depthvla.model.depthvla import DepthVLA
from depthvla.model.layers import rope_table
from depthvla.model.mixture import Stream, mix

B = 3
Batch = tuple[Tensor, Tensor, Tensor]


def batch(c: ModelConfig) -> Batch:
    """Pictures, words with padding at their end, states."""
    words = torch.tensor([[5, 6, 0, 0, 0], [7, 8, 9, 10, 11], [12, 0, 0, 0, 0]])
    return torch.randint(0, 256, (B, c.image, c.image, 3), dtype=torch.uint8), words, torch.randn(B, c.state)


def all_streams(model: DepthVLA, data: Batch, noisy: Tensor, time: Tensor) -> tuple[dict[str, Stream], Tensor]:
    """Every token of the model in one go, as the paper's figure has them; one noise draw."""
    c, (images, words, state) = model.config, data
    assert model.depth
    names = ("vlm", "depth")
    apart = c.block_mask
    vlm, valid = model.vlm.stream(images, words, ("vlm",) if apart else names)
    start = len(vlm.positions) if len(vlm.positions) > 16 else 16
    after = torch.arange(start, start + 1 + c.horizon)
    return {
        "vlm": vlm,
        "depth": model.depth.stream(images, ("depth",) if apart else names),
        "state": Stream(model.action.expert, model.action.state(state)[:, None], after[:1], (*names, "state")),
        "action": Stream(model.action.expert, model.action.embed(noisy, time), after[1:], (*names, "state", "action")),
    }, valid  # fmt: skip


def dense(streams: dict[str, Stream], valid: Tensor, c: ModelConfig) -> dict[str, Tensor]:
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
            mask[:, rows, columns] = valid[:, None, :] if o == "vlm" else True
    for i in range(c.layers):
        made = [
            s.expert.layer(i).project(hidden[n], rope_table(s.positions, c.head_dim, c.rope_base))
            for n, s in streams.items()
        ]
        q, k, v = (torch.cat(parts, dim=2) for parts in zip(*made, strict=True))
        k, v = (t.repeat_interleave(c.heads // c.key_heads, dim=1) for t in (k, v))
        weight = (q @ k.transpose(2, 3) / c.head_dim**0.5).masked_fill(~mask[:, None], float("-inf")).softmax(-1)
        for (n, s), part in zip(streams.items(), (weight @ v).split(lengths, dim=2), strict=True):
            hidden[n] = s.expert.layer(i).merge(hidden[n], part)
    return {n: s.expert.norm(hidden[n]) for n, s in streams.items()}


@pytest.mark.parametrize("block_mask", [True, False])
def test_streams_with_a_table_are_one_attention_under_the_block_mask(small: ModelConfig, block_mask: bool) -> None:
    c = dataclasses.replace(small, block_mask=block_mask)
    model = DepthVLA(c)
    streams, valid = all_streams(model, batch(c), torch.randn(B, 1, c.horizon, c.actions), torch.rand(B, 1))
    expected = dense(streams, valid, c)
    made = mix(streams, head_dim=c.head_dim, rope_base=c.rope_base, valid={"vlm": valid})
    for name, hidden in expected.items():
        # What padding itself becomes is read by nobody.
        rows = valid if name == "vlm" else torch.ones(hidden.shape[:2], dtype=torch.bool)
        assert_close(made.hidden[name][rows], hidden[rows], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("block_mask", [True, False])
def test_a_cached_prefix_gives_what_computing_everything_each_time_gives(small: ModelConfig, block_mask: bool) -> None:
    c = dataclasses.replace(small, block_mask=block_mask)
    model = DepthVLA(c)
    data, noisy, time = batch(c), torch.randn(B, 1, c.horizon, c.actions), torch.rand(B, 1)
    streams, valid = all_streams(model, data, noisy, time)
    whole = dense(streams, valid, c)
    prefix = model.prefix(*data)
    cached = model.velocity(prefix, noisy, time)
    assert_close(cached[:, 0], model.action.velocity(whole["action"]), rtol=1e-4, atol=1e-5)
    assert model.depth
    assert prefix.log_depth is not None
    assert_close(prefix.log_depth, model.depth.read(whole["depth"]), rtol=1e-4, atol=1e-5)


def test_noise_draws_do_not_see_each_other(small: ModelConfig) -> None:
    model, data = DepthVLA(small), batch(small)
    noisy, time = torch.randn(B, 4, small.horizon, small.actions), torch.rand(B, 4)
    prefix = model.prefix(*data)
    together = model.velocity(prefix, noisy, time)
    for k in range(4):
        alone = model.velocity(prefix, noisy[:, k : k + 1], time[:, k : k + 1])
        assert_close(together[:, k], alone[:, 0], rtol=1e-4, atol=1e-5)


def test_the_depth_expert_sees_the_same_alone_and_inside_the_block_mask(small: ModelConfig) -> None:
    model, data = DepthVLA(small), batch(small)
    assert model.depth
    prefix = model.prefix(*data, depth_images=data[0].flip(0))
    assert_close(prefix.log_depth, model.depth(torch.cat((data[0], data[0].flip(0)))))
    assert_close(prefix.log_depth[:B], model.look(data[0]))


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
    hidden = mix(leafy, head_dim=c.head_dim, rope_base=c.rope_base, valid={"vlm": valid}).hidden
    sees = {n: {o for o in leaves if gradient(hidden[n], leaves[o]) > 0} for n in leaves}
    prefix = {"vlm", "depth"}
    assert sees == {
        "vlm": {"vlm"} if block_mask else prefix,
        "depth": {"depth"} if block_mask else prefix,
        "state": prefix | {"state"},
        "action": prefix | {"state", "action"},
    }


def test_padding_of_an_instruction_is_seen_by_nobody(small: ModelConfig) -> None:
    model, (images, words, state) = DepthVLA(small), batch(small)
    noisy, time = torch.randn(B, 1, small.horizon, small.actions), torch.rand(B, 1)
    before = model.velocity(model.prefix(images, words, state), noisy, time)
    with torch.no_grad():
        model.vlm.words.weight[0] += 10
    assert_close(model.velocity(model.prefix(images, words, state), noisy, time), before)


def test_every_weight_that_is_trained_gets_a_gradient(small: ModelConfig) -> None:
    model, data = DepthVLA(small), batch(small)
    prefix = model.prefix(*data)
    assert prefix.log_depth is not None
    velocity = model.velocity(prefix, torch.randn(B, 2, small.horizon, small.actions), torch.rand(B, 2))
    (velocity.square().sum() + prefix.log_depth.square().sum()).backward()
    assert [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
    assert [n for n, p in model.named_parameters() if not p.requires_grad and p.grad is not None] == []


def test_without_a_depth_expert_it_is_pi_zero(small: ModelConfig) -> None:
    model = DepthVLA(dataclasses.replace(small, depth=None))
    prefix = model.prefix(*batch(small))
    assert prefix.log_depth is None
    assert set(prefix.cache) == {"vlm", "state"}
    assert not any(name.startswith("depth") for name in model.state_dict())


def test_scaled_dot_products_divide_by_the_root_of_the_head_size() -> None:
    q = torch.randn(1, 1, 2, 8)
    assert_close(F.scaled_dot_product_attention(q, q, q), (q @ q.transpose(2, 3) / 8**0.5).softmax(-1) @ q)
