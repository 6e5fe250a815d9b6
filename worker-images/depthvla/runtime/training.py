"""The training loop: what every training stage does around its losses.

Exact by construction: a step is a pure function of (weights, optimizer state, seed, step). Where to save and when to
stop, the ranks agree on before each step, together with how much each has to count.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from depthvla.runtime import signals
from depthvla.runtime.checkpoint import Checkpoints, State
from depthvla.runtime.config import Json
from depthvla.runtime.distributed import sum_gradients, total, whole
from depthvla.runtime.failure import SOFTWARE, TRY_AGAIN, WorkerError
from depthvla.runtime.job import Job
from depthvla.runtime.sharing import Sharing

REPORT_EVERY = 5
"""Steps between two points of the loss curve; each costs one small collective."""


@dataclass(frozen=True)
class Optimisation:
    """How weights follow gradients: AdamW, linear warm-up, cosine decay, clipping by the norm."""

    steps: int
    lr: float
    weight_decay: float
    warmup: int
    clip: float
    sharing: Sharing = "replicate"
    seed: int = 0


class Losses(Protocol):
    """What is trained. `B` is whatever a batch is to it."""

    @property
    def names(self) -> Sequence[str]:
        """Of the parts of the loss."""

    def draw(self, step: int) -> list[float]:
        """Draws this rank's part of the batch of a step; returns, for each loss, how many of its items it has."""

    def forward(self) -> list[Tensor]:
        """For each loss, its weighted sum over what was drawn."""


@dataclass(frozen=True)
class Trained:
    losses: Mapping[str, float]
    """Means over the last steps reported."""


def train(job: Job, model: nn.Module, losses: Losses, o: Optimisation, device: torch.device) -> Trained:
    """Trains to the last step, from the newest checkpoint if there is one.

    Raises:
        SystemExit: 75, saved, after SIGTERM.
        WorkerError: LOSS_NOT_FINITE, CHECKPOINT_FAILED, STORE_* when there may be a checkpoint and no store to ask.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=o.lr, weight_decay=o.weight_decay, betas=(0.9, 0.95), fused=True)
    state = training_state(model, optimizer)
    curve = _Curve(job, losses.names, o.steps)
    checkpoints = Checkpoints(job, state, curve, {"seed": o.seed, "sharing": o.sharing})
    with signals.held():
        start = checkpoints.resume()
        try:
            for step in range(start, o.steps):
                counts = losses.draw(step)
                if asked := signals.take_save_asked():
                    checkpoints.hurry()
                says = [float(asked), float(signals.stop_asked()), float(checkpoints.busy)]
                save, stop, busy, *items = total([*says, *counts], device)
                parts = losses.forward()
                means = [p / max(n, 1.0) for p, n in zip(parts, items, strict=True)]
                torch.stack(means).sum().backward()  # type: ignore[no-untyped-call]
                sum_gradients(parameters, o.sharing)
                norm = float(whole(nn.utils.clip_grad_norm_(parameters, o.clip)))
                if not math.isfinite(norm):
                    raise WorkerError(
                        "LOSS_NOT_FINITE", f"the gradient of step {step} is {norm}",
                        hint="lower `lr`, or look at the data of this step", exit_code=SOFTWARE,
                    )  # fmt: skip
                for group in optimizer.param_groups:
                    group["lr"] = o.lr * schedule(step, o.warmup, o.steps)
                optimizer.step()
                optimizer.zero_grad()
                done = step + 1
                curve.add(done, means, device)
                if save or job.checkpoint.is_due(done, o.steps):
                    checkpoints.ask()
                if stop:
                    checkpoints.save(done, curve.metrics())
                    checkpoints.wait()
                    raise SystemExit(TRY_AGAIN)
                if not busy:
                    checkpoints.save_what_is_owed(done, curve.metrics())
            if job.checkpoint.is_due(o.steps, o.steps):
                checkpoints.save_what_is_owed(o.steps, curve.metrics())
        finally:
            # Leaving while a save is under way would tear the process group from under its thread.
            checkpoints.wait()
    return Trained(curve.last)


def schedule(step: int, warmup: int, steps: int) -> float:
    """The learning rate of a step as a part of its peak."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    way = (step - warmup) / max(1, steps - warmup)
    return 0.1 + 0.45 * (1.0 + math.cos(math.pi * way))


def training_state(model: nn.Module, optimizer: torch.optim.Optimizer) -> State:
    """All tensors that training changes, by name. The optimizer's are made now, so that they can be loaded into."""
    state: State = {f"model.{name}": t for name, t in model.state_dict().items()}
    names = {p: name for name, p in model.named_parameters()}
    for group in optimizer.param_groups:
        for p in group["params"]:
            own = optimizer.state[p]
            own["step"] = torch.tensor(0.0, device=p.device if p.device.type == "cuda" else "cpu")
            own["exp_avg"] = torch.zeros_like(p, memory_format=torch.preserve_format)
            own["exp_avg_sq"] = torch.zeros_like(p, memory_format=torch.preserve_format)
            state |= {f"optimizer.{names[p]}.{key}": own[key] for key in ("step", "exp_avg", "exp_avg_sq")}
    return state


class _Curve:
    """Progress and losses, told every few steps."""

    def __init__(self, job: Job, names: Sequence[str], steps: int) -> None:
        self.job, self.names, self.steps = job, names, steps
        self.last: dict[str, float] = {}
        self._sums = [0.0] * len(names)
        self._n = 0

    def metrics(self) -> dict[str, float]:
        """What was reported last, under the names of the curve's metrics; empty before the first report."""
        if not self.last:
            return {}
        parts = {f"loss.{name}": value for name, value in self.last.items()} if len(self.last) > 1 else {}
        return {"loss": sum(self.last.values()), **parts}

    def take(self) -> Json:
        """What a resumed training needs to tell the same values at the same steps."""
        return {"last": dict(self.last), "sums": list(self._sums), "n": self._n}

    def put(self, saved: Json) -> None:
        own = cast("dict[str, Any]", saved)
        self.last, self._sums, self._n = own["last"], own["sums"], own["n"]

    def add(self, done: int, means: Sequence[Tensor], device: torch.device) -> None:
        self._sums = [s + float(m.detach()) for s, m in zip(self._sums, means, strict=True)]
        self._n += 1
        if done % REPORT_EVERY and done != self.steps:
            return
        values = [v / self._n for v in total(self._sums, device)]
        self._sums, self._n = [0.0] * len(self.names), 0
        self.last = dict(zip(self.names, values, strict=True))
        self.job.events.progress(done, self.steps, "steps")
        for name, value in self.metrics().items():
            self.job.events.metric(name, value, done)
