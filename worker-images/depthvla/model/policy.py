"""A trained policy, ready to act."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depthvla.model.build import build
from depthvla.model.depthvla import DepthVLA
from depthvla.model.export import Exported, read_policy
from depthvla.model.observation import Observation
from depthvla.model.seen import check_batch, check_measured
from depthvla.model.text import tokenize
from depthvla.runtime import seeds
from depthvla.runtime.failure import WorkerError

BATCH = 8
"""Rows of a pass where nothing else is asked for. What comes out for one differs in its last bits between batch
shapes, and between cuts of a batch over threads. So there is one shape and one thread: an action depends on what is
seen and on the seed, and on nothing else."""


@dataclass(frozen=True)
class Running:
    """How a policy runs. What comes out depends on it, in the last bits.

    Attributes:
        device: as torch names it.
        precision: of weights and products; sums and norms stay in float32.
        rows: of every pass: 1 for one robot, which waits for it.
        threads: of the CPU.
    """

    device: str = "cpu"
    precision: Literal["float32", "bfloat16"] = "float32"
    rows: int = BATCH
    threads: int = 1


class Policy:
    """Pictures, proprioception and an instruction in; a chunk of actions in the dataset's units out.

    Attributes:
        cameras: names of the pictures, in order.
        blind: whether it sees black instead.
        digest: names the weights.
        takes_depth: whether it must be given measured depth.
    """

    def __init__(self, model: DepthVLA, exported: Exported, digest: str, running: Running) -> None:
        if running.device == "cpu":
            torch.use_deterministic_algorithms(True)
        self.model = model.eval().to(running.device, getattr(torch, running.precision))
        self.config = model.config
        self.stats, self.tokenizer = exported.stats, exported.tokenizer
        self.running = running
        self.cameras, self.blind = exported.cameras, exported.blind
        self.digest = digest
        self.horizon = self.config.horizon
        self.image_size = self.config.image
        self.takes_depth = self.config.depth is not None and not self.config.predicts_depth

    @staticmethod
    def load(folder: Path | str, running: Running = Running()) -> Policy:
        """Reads the folder that `train_vla` wrote; its weights stay in their file until they are used.

        Raises:
            WorkerError: MODEL_INVALID, STATISTICS_INVALID, TOKENIZER_INVALID, PRESET_MISMATCH.
        """
        exported = read_policy(Path(folder))
        saved = exported.saved
        model = build(lambda: DepthVLA(saved.config), saved.weights, str(folder))
        return Policy(model, exported, saved.digest, running)

    @staticmethod
    def untrained(folder: Path | str, seed: int = 0, running: Running = Running()) -> Policy:
        """The same policy before it learnt anything: random weights, everything else as in the folder."""
        exported = read_policy(Path(folder))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seeds.number("untrained", seed))
            name = f"untrained-{seed}-{exported.saved.digest[:16]}"
            return Policy(DepthVLA(exported.saved.config), exported, name, running)

    @torch.inference_mode()
    def act(
        self,
        images: NDArray[np.uint8],
        state: NDArray[np.float32],
        instructions: Sequence[str],
        seed: Sequence[int] | NDArray[np.int64],
        *,
        present: NDArray[np.bool_] | None = None,
        depth: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """What to do next.

        Args:
            images: uint8 ``[B, C, H, W, 3]`` of `image_size`, in the order of `cameras`; or ``[B, H, W, 3]`` of one.
            state: float32 ``[B, S]`` in the dataset's units.
            instructions: B sentences.
            seed: B numbers, from which the noise of each is drawn.
            present: bool ``[B, C]``, which pictures there are; else all.
            depth: metres ``[B, D, H, W]`` of the first D cameras, for a policy that takes measured depth.

        Returns:
            float32 ``[B, horizon, A]`` in the dataset's units. They aren't cut to any bounds: the robot knows its own.

        Raises:
            WorkerError: OBSERVATION_INVALID, INSTRUCTION_TOO_LONG, ACTION_NOT_FINITE.
        """
        count, c = len(instructions), self.config
        pictures = images[:, None] if images.ndim == 4 else images
        check_batch(c, pictures, state, count)
        shape = (self.horizon, c.actions)
        parts = {
            "images": _tensor(np.zeros_like(pictures) if self.blind else pictures),
            "words": tokenize(instructions, self.tokenizer),
            "state": _tensor(self.stats.state(state)),
            "noise": torch.stack([torch.randn(shape, generator=seeds.generator("act", int(s))) for s in seed]),
        }
        if c.cameras > 1:
            parts["present"] = _tensor(np.ones((count, c.cameras), np.bool_) if present is None else present)
        if self.takes_depth:
            parts["depth"] = _tensor(check_measured(c, depth, count))
        rows = list(self._passes(parts, lambda noise, **seen: self.model.act(Observation(**seen), noise)))
        actions = self.stats.action_back(torch.cat(rows).numpy())
        if not np.isfinite(actions).all():
            raise WorkerError("ACTION_NOT_FINITE", "the policy's answer has NaN or infinity in it: nothing to act on")
        return actions

    @torch.inference_mode()
    def predict_depth(self, images: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Metres ``[B, H, W]`` of pictures uint8 ``[B, H, W, 3]``; None without a depth expert that predicts any."""
        if not self.config.predicts_depth:
            return None
        rows = list(self._passes({"images": _tensor(images)}, lambda images: self.model.look(images).exp()))
        return torch.cat(rows).numpy()

    def _passes(self, parts: Mapping[str, Tensor], run: Callable[..., Tensor]) -> Iterator[Tensor]:
        """Rows of these tensors through the model, in passes of one shape."""
        r = self.running
        half = torch.autocast(torch.device(r.device).type, torch.bfloat16, enabled=r.precision == "bfloat16")
        with _threads(r.threads), half:
            for start in range(0, len(parts["images"]), r.rows):
                some = {name: t[start : start + r.rows] for name, t in parts.items()}
                out = run(**{name: _pad(t, r.rows).to(r.device) for name, t in some.items()})
                yield out[: len(some["images"])].float().cpu()


def _tensor(array: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))


def _pad(t: Tensor, rows: int) -> Tensor:
    """The last row again, until there are so many: a row of nothing could have no number for an answer."""
    return t if len(t) == rows else torch.cat((t, t[-1:].expand(rows - len(t), *t.shape[1:])))


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
