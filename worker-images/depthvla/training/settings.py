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
