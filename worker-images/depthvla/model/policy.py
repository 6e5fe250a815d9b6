"""A trained policy, ready to act."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from depthvla.data.statistics import FILE as STATISTICS
from depthvla.data.statistics import read_statistics
from depthvla.model.build import build
from depthvla.model.depthvla import DepthVLA
from depthvla.model.export import KIND
from depthvla.model.files import CONFIG, Saved, load_model
from depthvla.model.normalisation import Normalisation
from depthvla.model.observation import Observation
from depthvla.model.text import Tokenizer, open_tokenizer, tokenize
from depthvla.runtime import seeds
from depthvla.runtime.config import Json
from depthvla.runtime.failure import WorkerError

BATCH = 8
"""Rows of every forward pass. What comes out for one differs in its last bits between batch shapes, and between cuts
of a batch over threads. So there is one shape and one thread: an action depends on what is seen and on the seed, and
on nothing else."""


class Policy:
    """Pictures, proprioception and an instruction in; a chunk of actions in the dataset's units out.

    Attributes:
        cameras: names of the pictures, in order.
        blind: whether it sees black instead.
        digest: names the weights.
    """

    def __init__(
        self, model: DepthVLA, stats: Normalisation, tokenizer: Tokenizer, extra: Mapping[str, Json], digest: str
    ) -> None:
        torch.use_deterministic_algorithms(True)
        self.model = model.eval()
        self.config = model.config
        self.stats = stats
        self.tokenizer = tokenizer
        self.cameras = tuple(str(name) for name in cast("list[str]", extra["cameras"]))
        self.blind = bool(extra["blind"])
        self.digest = digest
        self.horizon = self.config.horizon
        self.image_size = self.config.image

    @staticmethod
    def load(folder: Path | str) -> Policy:
        """Reads the folder that `train_vla` wrote; its weights stay in their file until they are used.

        Raises:
            WorkerError: MODEL_INVALID, STATISTICS_INVALID, PRESET_MISMATCH.
        """
        saved, stats, tokenizer = _read(Path(folder))
        model = build(lambda: DepthVLA(saved.config), saved.weights, str(folder))
        return Policy(model, stats, tokenizer, saved.extra, saved.digest)

    @staticmethod
    def untrained(folder: Path | str, seed: int = 0) -> Policy:
        """The same policy before it learnt anything: random weights, everything else as in the folder."""
        saved, stats, tokenizer = _read(Path(folder))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seeds.number("untrained", seed))
            name = f"untrained-{seed}-{saved.digest[:16]}"
            return Policy(DepthVLA(saved.config), stats, tokenizer, saved.extra, name)

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
            state: float32 ``[B, S]`` in the dataset's units.
            instructions: B sentences.
            seed: B numbers, from which the noise of each is drawn.

        Returns:
            float32 ``[B, horizon, A]`` in the dataset's units. They aren't cut to any bounds: the robot knows its own.
        """
        words = tokenize(instructions, self.tokenizer)
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
        return self.stats.action_back(torch.cat(out).numpy())

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


def _read(folder: Path) -> tuple[Saved, Normalisation, Tokenizer]:
    """A policy's folder, with the statistics and the tokenizer that it was trained with and no others."""
    saved = load_model(folder, KIND)
    for name in ("cameras", "blind", "statistics_sha256", "tokenizer_sha256"):
        if name not in saved.extra:
            raise WorkerError("MODEL_INVALID", f"{folder / CONFIG}: '{name}' is missing")
    stats = Normalisation(read_statistics(folder))
    if stats.digest != saved.extra["statistics_sha256"]:
        raise WorkerError(
            "STATISTICS_INVALID",
            f"{folder / STATISTICS} has the SHA-256 {stats.digest}, the policy was trained with "
            f"{saved.extra['statistics_sha256']}",
            hint="with other statistics its actions would be other motions: take the file that was exported with it",
        )
    tokenizer = open_tokenizer(saved.config.text, folder)
    if tokenizer.digest != saved.extra["tokenizer_sha256"]:
        message = f"{folder}: the tokenizer's SHA-256 is {tokenizer.digest}, the policy was trained with "
        raise WorkerError("TOKENIZER_INVALID", message + str(saved.extra["tokenizer_sha256"]))
    return saved, stats, tokenizer


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
