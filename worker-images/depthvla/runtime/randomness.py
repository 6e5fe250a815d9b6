"""The global random generators. But for a model's first weights nothing here draws from them, but a library might."""

from __future__ import annotations

import base64
import random
from typing import TypedDict

import numpy as np
import torch


class Randomness(TypedDict):
    python: list[object]
    numpy: list[object]
    torch: str
    cuda: str | None


def start(seed: int) -> None:
    """Sets them to a start that is the same for every process, not the operating system's choice."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def take() -> Randomness:
    """The state of Python's, numpy's and torch's generators, as JSON."""
    version, inner, gauss = random.getstate()
    kind, keys, place, has_gauss, cached = np.random.get_state(legacy=True)
    cuda = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
    return {
        "python": [version, list(inner), gauss],
        "numpy": [str(kind), [int(k) for k in keys], int(place), int(has_gauss), float(cached)],
        "torch": _text(torch.get_rng_state()),
        "cuda": None if cuda is None else _text(cuda),
    }


def put(state: Randomness) -> None:
    """Sets them to a state taken before."""
    version, inner, gauss = state["python"]
    random.setstate((version, tuple(inner), gauss))  # type: ignore[arg-type]
    kind, keys, place, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, np.array(keys, np.uint32), place, has_gauss, cached))  # type: ignore[arg-type]
    torch.set_rng_state(_tensor(state["torch"]))
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(_tensor(state["cuda"]))


def _text(t: torch.Tensor) -> str:
    return base64.b64encode(t.numpy().tobytes()).decode()


def _tensor(text: str) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer(base64.b64decode(text), np.uint8).copy())
