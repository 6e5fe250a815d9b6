"""Where curves, pictures and results go besides the events, when the pipeline asks for it: TensorBoard, W&B.

Nothing here may stop or change a training. What fails is said once and left; what is missing is said before it starts.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from depthvla.runtime.failure import CONFIG, WorkerError

if TYPE_CHECKING:
    from PIL.Image import Image

    from depthvla.runtime.events import Metric
    from depthvla.runtime.job import Job


class Sink(Protocol):
    """One of them. Any exception is taken as its end."""

    def metric(self, name: str, value: float, step: int) -> None: ...

    def sample(self, name: str, path: Path, caption: str | None, step: int) -> None:
        """A picture or clip, in a file."""

    def results(self, metrics: Mapping[str, Metric], step: int) -> None: ...

    def flush(self) -> None:
        """What was told until now must not get lost with this process: an attempt may resume from here."""

    def close(self) -> None: ...


class Sinks:
    """Opened when there is something to tell: a stage that measures nothing, or an attempt that dies before it does,
    leaves no empty curve.

    Args:
        makers: by name, what opens a sink, given the first step that it will be told.
        warn: told once about each that fails.
    """

    def __init__(self, makers: Mapping[str, Callable[[int], Sink]], warn: Callable[[str], None]) -> None:
        self._makers, self._warn = dict(makers), warn
        self._open: dict[str, Sink] = {}

    def tell(self, step: int, say: Callable[[Sink], None]) -> None:
        for name in [*self._makers]:
            self._try(name, partial(self._begin, name, step))
        self.tell_open(say)

    def tell_open(self, say: Callable[[Sink], None]) -> None:
        for name, sink in [*self._open.items()]:
            self._try(name, partial(say, sink))

    def close(self) -> None:
        self.tell_open(lambda sink: sink.close())
        self._makers, self._open = {}, {}

    def _begin(self, name: str, step: int) -> None:
        self._open[name] = self._makers.pop(name)(step)

    def _try(self, name: str, do: Callable[[], object]) -> None:
        try:
            do()
        except Exception as error:
            self._open.pop(name, None)
            self._warn(f"{name} gets nothing more of this attempt: {type(error).__name__}: {error}")


def open_sinks(job: Job) -> Sinks:
    """Those that the job is to write to. Ranks other than 0 have none.

    Raises:
        WorkerError: METRICS_UNAVAILABLE when a package that it takes isn't installed.
    """
    asked = job.metrics
    if asked is None or job.rank != 0:
        return Sinks({}, job.events.warning)
    makers: dict[str, Callable[[int], Sink]] = {}
    if asked.tensorboard:
        _need("tensorboard", "metrics.tensorboard")
        makers["TensorBoard"] = partial(_tensorboard, job)
    if asked.wandb is not None:
        _need("wandb", "metrics.wandb")
        makers["Weights & Biases"] = partial(_wandb, job)
    return Sinks(makers, job.events.warning)


def numbers(metrics: Mapping[str, Metric]) -> dict[str, float]:
    """Results one number each: k successes of n trials stay two, since their share alone says too little."""
    made: dict[str, float] = {}
    for name, value in metrics.items():
        made |= {name: value} if not isinstance(value, Mapping) else {f"{name}.{part}": n for part, n in value.items()}
    return made


def first_frame(path: Path) -> Image | None:
    """A picture, or the first of a moving one, RGB; None for what isn't one (a clip in mp4)."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except UnidentifiedImageError:
        return None


def _need(package: str, asked_by: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise WorkerError(
            "METRICS_UNAVAILABLE",
            f"the pipeline asks for {asked_by}, and the package {package} is not installed where workers run",
            hint=f"install it there (`pip install {package}`), or take {asked_by} out of the pipeline file",
            exit_code=CONFIG,
        )


def _tensorboard(job: Job, step: int) -> Sink:
    from depthvla.runtime.tensorboard import TensorBoard

    return TensorBoard(job, step)


def _wandb(job: Job, step: int) -> Sink:
    from depthvla.runtime.weights_and_biases import WeightsAndBiases

    return WeightsAndBiases(job)
