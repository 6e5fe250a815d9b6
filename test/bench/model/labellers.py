"""How many frames a second labellers look at, on pictures of 256 × 256. Prints JSON.

Weights are random (nothing can be downloaded where there is no network), which changes nothing about the time. On a GPU
Depth Anything V2 is as large as its Large form; on a CPU as its Small one.

    labellers.py SEED
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import torch
from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

from depthvla.labels.labellers.choose import How, open_labeller
from depthvla.labels.labellers.model_files import ModelFolder
from depthvla.labels.speed import measure_speed
from depthvla.model.depth import DepthExpert
from depthvla.model.files import save_model
from depthvla.model.presets import PRESETS, Preset

LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16}
SMALL = {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 6}
NECK = {"large": [256, 512, 1024, 1024], "small": [48, 96, 192, 384]}
PROCESSOR = {
    "image_processor_type": "DPTImageProcessor", "do_resize": True, "size": {"height": 518, "width": 518},
    "keep_aspect_ratio": True, "ensure_multiple_of": 14, "resample": 3, "do_rescale": True,
    "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}  # fmt: skip


def depth_anything(folder: Path, size: str) -> ModelFolder:
    backbone = Dinov2Config(
        **(LARGE if size == "large" else SMALL), image_size=518, patch_size=14, reshape_hidden_states=False,
        out_indices=[5, 12, 18, 24] if size == "large" else [3, 6, 9, 12],
    )  # fmt: skip
    sizes = NECK[size]
    config = DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=backbone.hidden_size, neck_hidden_sizes=sizes,
        fusion_hidden_size=256 if size == "large" else 64,
    )  # fmt: skip
    DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    return ModelFolder(folder)


def expert(folder: Path, preset: Preset) -> ModelFolder:
    config = PRESETS[preset]
    save_model(folder, "depth-expert", config, DepthExpert(config).state_dict())
    return ModelFolder(folder)


def main(seed: int) -> None:
    torch.manual_seed(seed)
    gpu = torch.cuda.is_available()
    device, size = torch.device("cuda" if gpu else "cpu"), "large" if gpu else "small"
    preset: Preset = "paper" if gpu else "small"
    how = How(16 if gpu else 2, device, "bfloat16" if gpu else "float32")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        speeds = {
            f"Depth Anything V2 {size.title()} (518)": open_labeller(
                "depth-anything-v2", depth_anything(root / "da", size), how
            ),
            f"our depth expert, preset {preset} (224)": open_labeller(
                "depth-expert", expert(root / "expert", preset), how
            ),
        }
        rates = {
            name: measure_speed(
                labeller, height=256, width=256, batch_size=how.batch_size, batches=5, seed=seed
            ).frames_per_second
            for name, labeller in speeds.items()
        }
    print(json.dumps(rates))


if __name__ == "__main__":
    main(int(sys.argv[1]))
