from pathlib import Path

import numpy as np
import pytest
import torch

from depthvla.data.pictures import fit_image
from depthvla.labels.alignment import to_depth
from depthvla.labels.clip_work import ClipWork, batches_of
from depthvla.labels.gates import Thresholds
from depthvla.labels.labellers.choose import How, open_labeller
from depthvla.labels.labellers.fused import Fused
from depthvla.labels.labellers.labeller import Batch, Look, label
from depthvla.labels.labellers.model_files import ModelFolder
from depthvla.labels.speed import measure_speed
from depthvla.model.config import ModelConfig
from depthvla.model.depth import DepthExpert
from depthvla.model.files import save_model
from depthvla.runtime.failure import WorkerError

CPU = How(4, torch.device("cpu"))
RNG = np.random.default_rng(0)


def batch_of(frames: int, height: int = 16, width: int = 16) -> Batch:
    images = RNG.integers(0, 256, (frames, height, width, 3), dtype=np.uint8)
    return Batch(0, "front", np.arange(frames), images)


@pytest.fixture
def expert(tmp_path: Path, small: ModelConfig) -> tuple[Path, DepthExpert]:
    model = DepthExpert(small)
    torch.nn.init.normal_(model.head.weight, std=0.2)
    save_model(tmp_path / "expert", "depth-expert", small, model.state_dict())
    return tmp_path / "expert", model


def test_the_depth_expert_labels_the_middle_square_and_nothing_beside_it(expert: tuple[Path, DepthExpert]) -> None:
    labeller = open_labeller("depth-expert", ModelFolder(expert[0]), CPU)
    batch = batch_of(3, 32, 48)
    made = label(labeller, batch).metres
    assert made.shape == (3, 32, 48)
    assert not made[:, :, :8].any()
    assert not made[:, :, 40:].any()
    fitted = np.stack([fit_image(image, 16) for image in batch.images])
    with torch.inference_mode():
        # In a batch of the same size: what surrounds a picture may change its last bits.
        said = expert[1](torch.from_numpy(np.concatenate([fitted, np.zeros_like(fitted[:1])]))).exp()[:3]
    np.testing.assert_array_equal(made[:, :, 8:40], said.numpy().repeat(2, 1).repeat(2, 2))
    alone = Batch(0, "front", batch.frames[1:2], batch.images[1:2])
    np.testing.assert_array_equal(label(labeller, alone).metres[0], made[1])


def test_a_labeller_is_named_by_its_files_and_what_it_computes_in(
    expert: tuple[Path, DepthExpert], small: ModelConfig
) -> None:
    folder = ModelFolder(expert[0])
    first = open_labeller("depth-expert", folder, CPU)
    assert open_labeller("depth-expert", folder, CPU).digest == first.digest
    assert open_labeller("depth-expert", folder, How(4, CPU.device, "bfloat16")).digest != first.digest
    assert len(first.models) == 1
    with torch.no_grad():
        expert[1].head.bias.add_(1)
    save_model(expert[0], "depth-expert", small, expert[1].state_dict())
    second = open_labeller("depth-expert", folder, CPU)
    assert (second.digest != first.digest, second.models != first.models) == (True, True)


def fused(expert: Path) -> Fused:
    """What it fuses is given to it by the tests below; the two only name it."""
    one = open_labeller("depth-expert", ModelFolder(expert), CPU)
    return Fused(one, one)


def scene(frames: int) -> tuple[Look, np.ndarray]:
    """A sharp relative map; a metric one that is noisy, has holes, and whose scale wanders from frame to frame; and
    the truth."""
    true = RNG.uniform(0.4, 3, (frames, 20, 30)).astype(np.float32)
    relative = ((1 / true - 0.2) / 0.7).astype(np.float32)
    wanders = 1 + 0.1 * np.sin(np.arange(frames))[:, None, None]
    metric = (true * wanders * RNG.normal(1, 0.05, true.shape)).astype(np.float32)
    metric[:, :3] = 0
    return Look(metric, relative), true


def test_fused_depth_has_the_sharp_map_s_shape_the_metric_map_s_scale_and_one_scale_a_clip(
    expert: tuple[Path, DepthExpert],
) -> None:
    looks, true = scene(64)
    assert looks.metres is not None
    settled = fused(expert[0]).settle(looks)
    made = settled.finish(looks)
    assert settled.problem is None
    # No frame has a scale of its own, so none wanders.
    ratio = np.median(made.metres / true, axis=(1, 2))
    assert np.ptp(ratio) < 5e-3
    assert np.ptp(np.median(looks.metres[:, 3:] / true[:, 3:], axis=(1, 2))) > 0.1
    assert np.abs(made.metres / true - 1).mean() < 0.03
    assert made.confidence is not None
    assert made.confidence.max() <= 1
    assert not made.confidence[:, :3].any()


@pytest.mark.parametrize("wrong", ["flat", "nothing", "upside down"])
def test_a_clip_that_cannot_be_fused_keeps_the_metric_map_and_says_so(
    expert: tuple[Path, DepthExpert], wrong: str
) -> None:
    looks, _ = scene(4)
    assert looks.metres is not None
    assert looks.relative is not None
    relative = {
        "flat": np.ones_like(looks.relative),
        "nothing": np.full_like(looks.relative, np.nan),
        "upside down": -looks.relative,
    }[wrong].astype(np.float32)
    bad = Look(looks.metres, relative)
    settled = fused(expert[0]).settle(bad)
    assert settled.problem
    np.testing.assert_array_equal(settled.finish(bad).metres, looks.metres)


def test_a_long_clip_is_settled_on_a_few_frames_and_put_together_in_order(expert: tuple[Path, DepthExpert]) -> None:
    labeller, frames = fused(expert[0]), 150
    looks, true = scene(frames)
    assert looks.metres is not None
    assert looks.relative is not None
    work = ClipWork(labeller, 7, "front", frames, (10, 15))
    pieces = batches_of(frames, labeller.common, 32)
    order = np.concatenate(pieces)
    assert sorted(order.tolist()) == list(range(frames))
    assert np.diff(order[: labeller.common]).max() <= 3
    assert order[: labeller.common].max() > frames - 4
    for place, some in enumerate(pieces):
        images = np.broadcast_to((some * 97 % 256).astype(np.uint8)[:, None, None, None], (len(some), 20, 30, 3))
        done = work.add(Batch(7, "front", some, images), Look(looks.metres[some], looks.relative[some]))
        assert (done is None) == (place < len(pieces) - 1)
    assert done is not None
    assert done.depth.shape == (frames, 10, 15)
    assert np.abs(done.depth / 1000 / true[:, 1::2, 1::2] - 1).mean() < 0.03
    assert done.quality.delta1 is not None
    assert done.quality.delta1 > 0.9
    assert done.quality.flags(Thresholds()) == []


def test_maps_of_different_scenes_are_flagged(expert: tuple[Path, DepthExpert]) -> None:
    one, other = scene(4)[0], scene(4)[0]
    work = ClipWork(fused(expert[0]), 0, "front", 4, (20, 30))
    done = work.add(
        Batch(0, "front", np.arange(4), np.zeros((4, 20, 30, 3), np.uint8)), Look(one.metres, other.relative)
    )
    assert done is not None
    # Which of them depends on the noise: what has nothing in common may seem to go together, or the other way round.
    said = done.quality.flags(Thresholds())[0]
    assert "the two labellers differ" in said or "the other way round" in said


def test_how_fast_a_labeller_is_can_be_measured(expert: tuple[Path, DepthExpert]) -> None:
    labeller = open_labeller("depth-expert", ModelFolder(expert[0]), CPU)
    speed = measure_speed(labeller, height=24, width=32, batch_size=4, batches=2)
    assert 0 < speed.preparing < 10
    assert speed.frames_per_second == 1 / speed.looking


def test_unidepth_says_how_to_install_it(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="package `unidepth`, which is not installed") as caught:
        open_labeller("unidepth-v2", ModelFolder(tmp_path), CPU)
    assert caught.value.code == "LABELLER_MISSING"
    assert "pip install git+https://github.com/lpiccinelli-eth/UniDepth" in str(caught.value.hint)


def test_what_is_beyond_infinity_is_the_farthest() -> None:
    inverse = np.array([2, 0.5, 0, -1, np.nan], np.float32)
    np.testing.assert_array_equal(to_depth(inverse, 10), np.array([0.5, 2, 10, 10, np.nan], np.float32))
