"""How ranks share a model, in which precision it is computed, and by what. Nothing here imports torch."""

from __future__ import annotations

from typing import Literal

Sharing = Literal["replicate", "shard", "hybrid"]
"""A copy on each rank; one that is cut up over all ranks (FSDP2); one on each host, cut up over its ranks (HSDP)."""

Precision = Literal["fp32", "bf16"]
"""Of products and activations. Weights, their gradients' sums over ranks and the optimizer are float32 in either."""

Attention = Literal["sdpa", "flex"]
"""What computes attention under a mask: scaled_dot_product_attention, or FlexAttention."""
