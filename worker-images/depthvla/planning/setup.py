"""What is planned: a model, how it is trained, and on what."""

from __future__ import annotations

from dataclasses import dataclass

from depthvla.model.config import ModelConfig
from depthvla.planning.work import Batch
from depthvla.runtime.sharing import Attention, Precision, Sharing


@dataclass(frozen=True)
class Setup:
    config: ModelConfig
    gpus: int
    per_node: int
    sharing: Sharing
    recompute: bool
    precision: Precision
    batch: Batch
    """What one GPU carries at once."""
    accumulation: int = 1
    """How often, before the weights change."""
    ema: bool = True
    attention: Attention = "sdpa"
    freeze_depth: bool = False

    @property
    def shards(self) -> int:
        """GPUs that have one copy of the weights together."""
        match self.sharing:
            case "replicate":
                return 1
            case "shard":
                return self.gpus
            case "hybrid":
                return min(self.per_node, self.gpus)

    @property
    def batch_size(self) -> int:
        """Over all GPUs, a step."""
        return round(self.batch.samples) * self.gpus * self.accumulation
