"""The training loop: what every training stage does around its losses.

Exact by construction: a step is a pure function of (weights, optimizer state, seed, step). Where to save and when to
stop, the ranks agree on before each step, together with how much each has to count. Since losses are sums, divided by
what is counted over all ranks and all micro-batches, a step doesn't depend on how its batch is cut, but for rounding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from depthvla.runtime import signals
from depthvla.runtime.average import Average
from depthvla.runtime.checkpoint import Checkpoints, State
from depthvla.runtime.config import Json
from depthvla.runtime.distributed import sum_gradients, total, whole
from depthvla.runtime.failure import SOFTWARE, WorkerError
from depthvla.runtime.job import Job
from depthvla.runtime.optimizer import make_optimizer, schedule
from depthvla.runtime.sharded import sum_at_next_backward
from depthvla.training.settings import TrainingSettings

REPORT_EVERY = 5
"""Steps between two points of the loss curve; each costs one small collective."""


class Losses(Protocol):
    """What is trained. `B` is whatever a batch is to it."""

    @property
    def names(self) -> Sequence[str]:
        """Of the parts of the loss."""

    def draw(self, step: int) -> list[float]:
        """Draws this rank's part of the batch of a step; returns, for each loss, how many of its items it has."""

    def forward(self, part: int, parts: int) -> list[Tensor]:
        """For each loss, its weighted sum over one of so many equal parts of what was drawn; float32."""


@dataclass(frozen=True)
class Trained:
    losses: Mapping[str, float]
    """Means over the last steps reported."""


def train(
    job: Job, model: nn.Module, losses: Losses, s: TrainingSettings, device: torch.device,
    cursor: Mapping[str, Json] | None = None,
) -> Trained:  # fmt: skip
    """Trains to the last step, from the newest checkpoint if there is one. Leaves in the model the weights to keep:
    their moving average, where `ema` asks for one.

    Args:
        cursor: what a checkpoint must have been made with (hashes of statistics, say) to be gone on from.

    Raises:
        SystemExit: 75, saved, after SIGTERM.
        WorkerError: BATCH_INVALID, PART_UNKNOWN, LOSS_NOT_FINITE, CHECKPOINT_FAILED, CHECKPOINT_MISMATCH, STORE_* when
            there may be a checkpoint and no store to ask.
    """
    parts = s.micro_batches(job.world)
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    parameters = list(trained.values())
    optimizer = make_optimizer(
        model, lr=s.lr, weight_decay=s.weight_decay, pretrained=s.pretrained, pretrained_lr=s.pretrained_lr
    )
    average = Average(trained, s.ema) if s.ema else None
    state = training_state(model, optimizer, average)
    curve = _Curve(job, losses.names, s.steps)
    checkpoints = Checkpoints(job, state, curve, {"seed": s.seed, **(cursor or {})})
    with signals.held():
        start = checkpoints.resume()
        try:
            for step in range(start, s.steps):
                counts = losses.draw(step)
                if asked := signals.take_save_asked():
                    checkpoints.hurry()
                says = [float(asked), float(signals.stop_asked()), float(checkpoints.busy)]
                save, stop, busy, *items = total([*says, *counts], device)
                sums = [torch.zeros((), device=device) for _ in counts]
                for part in range(parts):
                    sum_at_next_backward(model, part == parts - 1)
                    with torch.autocast(device.type, torch.bfloat16, enabled=s.precision == "bf16"):
                        found = losses.forward(part, parts)
                    means = [f / max(n, 1.0) for f, n in zip(found, items, strict=True)]
                    torch.stack(means).sum().backward()  # type: ignore[no-untyped-call]
                    sums = [a + m.detach() for a, m in zip(sums, means, strict=True)]
                sum_gradients(parameters)
                norm = float(whole(nn.utils.clip_grad_norm_(parameters, s.clip)))
                if not math.isfinite(norm):
                    raise WorkerError(
                        "LOSS_NOT_FINITE", f"the gradient of step {step} is {norm}",
                        hint="lower `lr`, or look at the data of this step", exit_code=SOFTWARE,
                    )  # fmt: skip
                factor = schedule(step, warmup=s.warmup, steps=s.steps, floor=s.lr_floor)
                for group in optimizer.param_groups:
                    group["lr"] = s.lr * group["scale"] * factor
                optimizer.step()
                optimizer.zero_grad()
                if average:
                    average.follow()
                done = step + 1
                curve.add(done, sums, device)
                if save or job.checkpoint.is_due(done, s.steps):
                    checkpoints.ask()
                if stop:
                    checkpoints.save(done, curve.metrics())
                    checkpoints.wait()
                    signals.leave()
                if not busy:
                    checkpoints.save_what_is_owed(done, curve.metrics())
            if job.checkpoint.is_due(s.steps, s.steps):
                checkpoints.save_what_is_owed(s.steps, curve.metrics())
        finally:
            # Leaving while a save is under way would tear the process group from under its thread.
            checkpoints.wait()
    if average:
        average.give()
    return Trained(curve.last)


def training_state(model: nn.Module, optimizer: torch.optim.Optimizer, average: Average | None = None) -> State:
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
    return state | {f"ema.{name}": t for name, t in (average.kept if average else {}).items()}


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
