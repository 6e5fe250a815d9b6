"""How ranks share a model."""

from __future__ import annotations

from typing import Literal

Sharing = Literal["replicate", "shard"]
"""A copy on each rank, or one that is cut up (FSDP2)."""
