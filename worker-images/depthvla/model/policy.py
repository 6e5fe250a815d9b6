"""A trained policy, ready to act."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from depthvla.model import normalisation
from depthvla.model.depthvla import DepthVLA
from depthvla.model.files import Saved, load_model
from depthvla.model.observation import Observation
from depthvla.model.text import tokenize
from depthvla.runtime import seeds

KIND = "depthvla-policy"
BATCH = 8
"""Rows of every forward pass. What comes out for one differs in its last bits between batch shapes, and between cuts
of a batch over threads. So there is one shape and one thread: an action depends on what is seen and on the seed, and
on nothing else."""


class Policy:
    """Pictures, proprioception and an instruction in; a chunk of actions in the environment's units out."""

    def __init__(self, saved: Saved, stats: normalisation.Normalisation, digest: str) -> None:
        torch.use_deterministic_algorithms(True)
        self.model = DepthVLA(saved.config).eval()
        self.config = saved.config
        self.stats = stats
        self.blind = bool(saved.extra.get("blind", False))
        self.digest = digest
        self.horizon = saved.config.horizon
        self.image_size = saved.config.image

    @staticmethod
    def load(folder: Path) -> Policy:
        """Reads the folder that `train_vla` wrote.

        Raises:
            WorkerError: MODEL_INVALID.
        """
        saved, stats = load_model(folder, KIND), normalisation.read(folder)
        policy = Policy(saved, stats, saved.digest)
        policy.model.load_state_dict(dict(saved.weights))
        return policy

    @staticmethod
    def untrained(folder: Path, seed: int = 0) -> Policy:
        """The same policy before it learnt anything: random weights, everything else as in the folder."""
        saved, stats = load_model(folder, KIND), normalisation.read(folder)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seeds.number("untrained", seed))
            return Policy(saved, stats, f"untrained-{seed}-{saved.digest[:16]}")

    @torch.inference_mode()
    def act(
        self,
        images: NDArray[np.uint8],
        state: NDArray[np.float32],
        instructions: Sequence[str],
        seed: Sequence[int] | NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """What to do next.

        Args:
            images: uint8 ``[B, H, W, 3]`` of `image_size`.
            state: float32 ``[B, S]`` in the environment's units.
            instructions: B sentences.
            seed: B numbers, from which the noise of each is drawn.

        Returns:
            float32 ``[B, horizon, A]`` in [−1, 1].
        """
        words = tokenize(instructions, self.config.text)
        normal = torch.from_numpy(self.stats.state(state))
        pictures = torch.from_numpy(np.zeros_like(images) if self.blind else np.ascontiguousarray(images))
        shape = (self.horizon, self.config.actions)
        noise = torch.stack([torch.randn(shape, generator=seeds.generator("act", int(s))) for s in seed])
        out = []
        with _one_thread():
            for i in range(0, len(images), BATCH):
                rows = slice(i, i + BATCH)
                parts = [_pad(t[rows]) for t in (pictures, words, normal, noise)]
                seen = Observation(parts[0][:, None], parts[1], parts[2])
                out.append(self.model.act(seen, parts[3])[: len(images[rows])])
        actions = self.stats.action_back(torch.cat(out).numpy())
        return np.clip(actions, -1.0, 1.0)

    @torch.inference_mode()
    def predict_depth(self, images: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Metres ``[B, H, W]`` of pictures uint8 ``[B, H, W, 3]``; None without a depth expert."""
        if self.model.depth is None:
            return None
        out = []
        with _one_thread():
            for i in range(0, len(images), BATCH):
                part = torch.from_numpy(np.ascontiguousarray(images[i : i + BATCH]))
                out.append(self.model.look(_pad(part)).exp()[: len(part)])
        return torch.cat(out).numpy()


def _pad(t: torch.Tensor) -> torch.Tensor:
    """Zeros below, up to `BATCH` rows."""
    return t if len(t) == BATCH else torch.cat((t, t.new_zeros(BATCH - len(t), *t.shape[1:])))


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
