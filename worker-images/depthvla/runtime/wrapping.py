"""What can be done to layers one by one, from outside: recomputing, compiling. Hooks on them (FSDP's) stay outside."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


def recompute(layers: Iterable[nn.Module]) -> None:
    """Of a layer's forward pass only what goes in is kept; going backward it is done again (Chen et al. 2016)."""
    for layer in layers:
        # Nothing in a layer is random, so there is no state of generators to put back.
        layer.forward = partial(checkpoint, layer.forward, use_reentrant=False, preserve_rng_state=False)


def compile_each(layers: Iterable[nn.Module], backend: str = "inductor") -> None:
    """Compiles layers one by one: those of one kind and size share what was compiled."""
    # Experts differ in size, and streams in length: more variants of one function than torch expects.
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, 64)
    for layer in layers:
        layer.forward = torch.compile(layer.forward, dynamic=False, backend=backend)
