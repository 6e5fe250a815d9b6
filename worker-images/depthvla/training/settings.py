"""Settings that training stages share. Nothing here imports torch."""

from __future__ import annotations

STEPS = "optimizer steps"
BATCH = "pictures a step, over all ranks"
LR = "peak learning rate of AdamW"
DECAY = "weight decay"
WARMUP = "steps of linear warm-up, before a cosine decay to a tenth"
CLIP = "largest norm of the gradient; above it is scaled down"
SEED = "of weights, order of data and noise"
SHARING = "how ranks share a model: a copy each (`replicate`), or cut up with FSDP2 (`shard`), for large ones"
PRESET = "size of the model"
HUB = "owner/name@commit of the Hugging Face hub"
PALIGEMMA = f"weights that the VLM starts from, as {HUB}; or bind a folder to the input of that name"
ENCODER = f"weights that the depth encoder starts from (DINOv2 or Depth Anything), as {HUB}; or bind a folder"
