"""Names of labellers. Nothing here imports anything heavy."""

from __future__ import annotations

from typing import Literal

Single = Literal["depth-expert", "depth-anything-v2", "unidepth-v2"]
Kind = Literal["depth-expert", "depth-anything-v2", "unidepth-v2", "fused"]
Precision = Literal["float32", "bfloat16"]
