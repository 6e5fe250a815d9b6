"""Depth Anything V2 by its real loader, on models of reduced size with random weights: nothing is downloaded."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from depthvla.labels.labellers.choose import How, open_labeller
from depthvla.labels.labellers.labeller import Batch, label
from depthvla.labels.labellers.model_files import ModelFolder
from depthvla.runtime.failure import WorkerError

CPU = How(2, torch.device("cpu"))
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 48, 64, 3), dtype=np.uint8)
BATCH = Batch(0, "front", np.arange(3), IMAGES)


def save(folder: Path, kind: str) -> Path:
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config, DPTImageProcessorPil

    backbone = Dinov2Config(
        hidden_size=32, num_hidden_layers=4, num_attention_heads=2, mlp_ratio=2, image_size=56, patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False,
    )  # fmt: skip
    config = DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=32, neck_hidden_sizes=[8, 16, 16, 32], fusion_hidden_size=16,
        head_hidden_size=8, depth_estimation_type=kind, max_depth=20 if kind == "metric" else 1,
    )  # fmt: skip
    torch.manual_seed(len(kind))
    model = DepthAnythingForDepthEstimation(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    DPTImageProcessorPil(
        size={"height": 56, "width": 56}, keep_aspect_ratio=True, ensure_multiple_of=14,
        image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225],
    ).save_pretrained(folder)  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {kind: save(root / kind, kind) for kind in ("relative", "metric")}


@pytest.mark.parametrize("kind", ["relative", "metric"])
def test_it_says_what_hugging_face_s_own_steps_say(models: dict[str, Path], kind: str) -> None:
    from transformers import AutoImageProcessor, AutoModelForDepthEstimation

    look = open_labeller("depth-anything-v2", ModelFolder(models[kind]), CPU).prepare(BATCH)()
    processor = AutoImageProcessor.from_pretrained(models[kind])
    model = AutoModelForDepthEstimation.from_pretrained(models[kind]).eval()
    with torch.inference_mode():
        said = model(**processor(images=list(IMAGES), return_tensors="pt"))
    each = processor.post_process_depth_estimation(said, target_sizes=[(48, 64)] * 3)
    expected = torch.stack([one["predicted_depth"] for one in each]).clamp_min(0).numpy()
    seen = look.metres if kind == "metric" else look.relative
    assert (look.metres is None) == (kind == "relative")
    assert seen is not None
    assert seen.std() > 0
    np.testing.assert_allclose(seen, expected, rtol=1e-4, atol=1e-5)


def test_relative_depth_alone_is_no_label_and_with_a_metric_model_it_is(models: dict[str, Path]) -> None:
    relative, metric = ModelFolder(models["relative"]), ModelFolder(models["metric"])
    with pytest.raises(WorkerError, match="knows no metres") as caught:
        label(open_labeller("depth-anything-v2", relative, CPU), BATCH)
    assert caught.value.code == "LABELLER_RELATIVE"
    both = open_labeller("fused", relative, CPU, ("depth-anything-v2", metric))
    made = label(both, BATCH)
    assert made.metres.shape == (3, 48, 64)
    assert made.other is not None
    assert len(both.models) == 2
    swapped = open_labeller("fused", metric, CPU, ("depth-anything-v2", relative))
    assert swapped.digest != both.digest


def test_another_preprocessing_or_revision_is_another_labeller(models: dict[str, Path], tmp_path: Path) -> None:
    folder = save(tmp_path / "m", "metric")
    first = open_labeller("depth-anything-v2", ModelFolder(folder), CPU)
    named = ModelFolder(folder, "depth-anything/x@" + 40 * "0")
    assert open_labeller("depth-anything-v2", named, CPU).digest != first.digest
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "size": {"height": 28, "width": 28}}))
    second = open_labeller("depth-anything-v2", ModelFolder(folder), CPU)
    assert (second.digest != first.digest, second.models == first.models) == (True, True)


def test_weights_that_are_not_the_model_s_are_named(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = save(tmp_path / "m", "metric")
    weights = load_file(folder / "model.safetensors")
    del weights["head.conv1.bias"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WorkerError, match=r"head\.conv1\.bias") as caught:
        open_labeller("depth-anything-v2", ModelFolder(folder), CPU)
    assert caught.value.code == "MODEL_INVALID"
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(WorkerError, match="is no Depth Anything V2"):
        open_labeller("depth-anything-v2", ModelFolder(folder), CPU)
    with pytest.raises(WorkerError, match=r"config\.json"):
        open_labeller("depth-anything-v2", ModelFolder(tmp_path), CPU)
