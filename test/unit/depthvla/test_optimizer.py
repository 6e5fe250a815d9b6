import pytest
import torch
from torch import nn

from depthvla.model.config import ModelConfig
from depthvla.model.depthvla import DepthVLA
from depthvla.runtime.average import Average
from depthvla.runtime.failure import CONFIG, WorkerError
from depthvla.runtime.optimizer import make_optimizer, schedule
from depthvla.training.joint import FlowAndDepth
from depthvla.training.settings import TrainingSettings


def test_groups_hold_every_trained_weight_once_and_decay_what_multiplies(small: ModelConfig) -> None:
    model = DepthVLA(small)
    names = {id(p): name for name, p in model.named_parameters()}
    optimizer = make_optimizer(FlowAndDepth(model), lr=1.0, weight_decay=0.3, pretrained=["vlm", "depth.encoder"])
    assert len(optimizer.param_groups) == 4
    held = [names[id(p)] for group in optimizer.param_groups for p in group["params"]]
    assert sorted(held) == sorted(name for name, p in model.named_parameters() if p.requires_grad)
    assert len(held) < len(names)  # what comes after the VLM's last keys and values isn't trained
    decay = {names[id(p)]: group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert decay["vlm.expert.layers.0.inward.qkv.weight"] == decay["depth.head.weight"] == 0.3
    free = ("norm", "bias", "words", "position", "cls", "scale")
    assert {name for name, d in decay.items() if d == 0} == {n for n in held if any(word in n for word in free)}


def test_pretrained_parts_learn_at_their_own_rate(small: ModelConfig) -> None:
    model = DepthVLA(small)
    slow = {id(p) for p in (*model.vlm.parameters(), *model.depth.encoder.parameters())}  # type: ignore[union-attr]
    optimizer = make_optimizer(
        FlowAndDepth(model), lr=1.0, weight_decay=0.0, pretrained=["vlm", "depth.encoder"], pretrained_lr=0.1
    )
    for group in optimizer.param_groups:
        assert {id(p) in slow for p in group["params"]} == {group["scale"] == 0.1}


def test_a_part_that_is_not_there_is_named_with_those_that_are(small: ModelConfig) -> None:
    with pytest.raises(WorkerError, match="no part 'vision'") as caught:
        make_optimizer(FlowAndDepth(DepthVLA(small)), lr=1.0, weight_decay=0.0, pretrained=["vlm", "vision"])
    assert (caught.value.code, caught.value.exit_code) == ("PART_UNKNOWN", CONFIG)
    assert "vlm, depth, action" in str(caught.value.hint)


def test_the_rate_warms_up_and_falls_to_the_floor() -> None:
    rates = [schedule(step, warmup=4, steps=24, floor=0.2) for step in range(25)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rates[14] == pytest.approx(0.6)
    assert rates[24] == pytest.approx(0.2)
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert schedule(0, warmup=0, steps=1, floor=0.0) == 1.0


def test_an_average_is_the_printed_formula() -> None:
    weight = nn.Parameter(torch.tensor([1.0, 10.0]))
    average = Average({"w": weight}, 0.75)
    for value in (5.0, 9.0):
        with torch.no_grad():
            weight.fill_(value)
        average.follow()
    # 0.75 (0.75 · 1 + 0.25 · 5) + 0.25 · 9
    assert average.kept["w"].tolist() == [3.75, 8.8125]
    average.give()
    assert weight.tolist() == [3.75, 8.8125]


@pytest.mark.parametrize(
    ("batch", "micro", "world", "parts"), [(32, 0, 4, 1), (5, 0, 2, 1), (32, 4, 2, 4), (6, 3, 2, 1)]
)
def test_a_batch_is_cut_into_whole_micro_batches(batch: int, micro: int, world: int, parts: int) -> None:
    assert TrainingSettings(batch_size=batch, micro_batch_size=micro).micro_batches(world) == parts


@pytest.mark.parametrize(
    ("batch", "micro", "world", "hint"),
    [
        (32, 3, 2, "it can be 1, 2, 4, 8, 16"),
        (32, 16, 4, "it can be 1, 2, 4, 8"),
        (5, 1, 2, "multiple of 2"),
        (3, 0, 4, "4"),
    ],
)
def test_a_batch_that_cannot_be_cut_is_refused_and_what_could_be_is_said(
    batch: int, micro: int, world: int, hint: str
) -> None:
    with pytest.raises(WorkerError, match=f"batch_size {batch}") as caught:
        TrainingSettings(batch_size=batch, micro_batch_size=micro).micro_batches(world)
    assert (caught.value.code, caught.value.exit_code) == ("BATCH_INVALID", CONFIG)
    assert hint in str(caught.value.hint)
