"""What a model is cut into where its parts are treated one by one."""

from __future__ import annotations

from torch import nn

from depthvla.model.encoder import EncoderLayer
from depthvla.model.layers import Inward, Outward


def layers(model: nn.Module) -> list[nn.Module]:
    """Layers of encoders and halves of the mixture's: what may be computed again going backward, or compiled."""
    return [m for m in model.modules() if isinstance(m, (EncoderLayer, Inward, Outward))]


def units(model: nn.Module) -> list[nn.Module]:
    """What is gathered when it is called, where ranks share one copy: layers, and the tables of words."""
    return [*layers(model), *(m for m in model.modules() if isinstance(m, nn.Embedding))]
