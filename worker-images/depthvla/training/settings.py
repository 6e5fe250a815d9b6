"""Settings that training stages share. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from depthvla.runtime.config import setting
from depthvla.runtime.failure import CONFIG, WorkerError
from depthvla.runtime.sharing import Attention, Precision, Sharing

PRESET = "size of the model"
Like = Literal["", "bridge", "galaxea"]
LIKE = "the published dataset that this one is laid out as; a mixture says it for each of its own"
DEPTH_LAYERS = "of the depth expert, spread over the mixture's; 0: as many as that has"
DEPTH_POOL = "depth tokens that are averaged into one, in height and in width"
HUB = "owner/name@commit of the Hugging Face hub"
PALIGEMMA = f"weights that the VLM starts from, as {HUB}; or bind a folder to the input of that name"
ENCODER = f"weights that the depth encoder starts from (DINOv2 or Depth Anything), as {HUB}; or bind a folder"


@dataclass(frozen=True)
class TrainingSettings:
    """How a model is trained, whatever it is: a stage's config is one of these, with more fields and own defaults."""

    steps: int = setting(1000, "optimizer steps", minimum=1)
    batch_size: int = setting(32, "pictures a step, over all ranks", minimum=1)
    micro_batch_size: int = setting(
        0,
        "pictures that a rank carries at once; gradients add up over as many as it takes. 0: its whole part",
        minimum=0,
    )
    lr: float = setting(1e-3, "peak learning rate of AdamW", above=0)
    lr_floor: float = setting(0.1, "learning rate at the last step, as a part of the peak", minimum=0, maximum=1)
    warmup: int = setting(20, "steps of linear warm-up, before a cosine decay", minimum=0)
    weight_decay: float = setting(0.01, "of matrices; norms, biases, embeddings and gains have none", minimum=0)
    clip: float = setting(1.0, "largest norm of the gradient; above it is scaled down", above=0)
    pretrained: list[str] = setting(
        [], "parts of the model that learn at `pretrained_lr` × `lr`, by their path: `vlm`, or `vlm.encoder`"
    )
    pretrained_lr: float = setting(1.0, "learning rate of `pretrained` parts, as a part of the others'", above=0)
    ema: float = setting(
        0.0, "decay a step of a moving average of the weights, which is what is written in the end. 0: none",
        minimum=0, below=1,
    )  # fmt: skip
    seed: int = setting(0, "of weights, order of data and noise", minimum=0)
    precision: Precision = setting("fp32", "of products and activations; weights and optimizer stay float32")
    sharing: Sharing = setting(
        "replicate",
        "how ranks share a model: a copy each, cut up over all (`shard`, FSDP2), or within each host (`hybrid`)",
    )
    recompute: bool = setting(False, "keep only what goes into a layer, and compute the rest again when going backward")
    attention: Attention = setting("sdpa", "what computes attention under a mask; `flex` (FlexAttention) needs a GPU")
    compile: bool = setting(False, "compile layers with torch.compile: slower to start, faster on a GPU")

    def micro_batches(self, world: int) -> int:
        """In how many parts a rank carries its part of a batch.

        Raises:
            WorkerError: BATCH_INVALID.
        """
        batch, micro = self.batch_size, self.micro_batch_size
        if batch < world:
            raise WorkerError(
                "BATCH_INVALID", f"batch_size {batch} is less than one picture for each of {world} ranks",
                hint=f"set `batch_size` to {world} or more, or use fewer ranks", exit_code=CONFIG,
            )  # fmt: skip
        if not micro:
            return 1
        if batch % (micro * world):
            fit = [n for n in range(1, batch // world + 1) if batch % (n * world) == 0]
            hint = f"it can be {', '.join(map(str, fit))}" if fit else f"use a multiple of {world} as `batch_size`"
            raise WorkerError(
                "BATCH_INVALID",
                f"batch_size {batch} is no multiple of micro_batch_size {micro} × {world} ranks",
                hint=hint, exit_code=CONFIG,
            )  # fmt: skip
        return batch // (micro * world)
