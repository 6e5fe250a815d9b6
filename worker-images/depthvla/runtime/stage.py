"""What a stage is: a typed config, named inputs and outputs, and a function.

A stage is a module in `depthvla/stages/`. It is found by its name alone (no registry imports them all), so that the
code that an entry starts from stays small, and a change in one stage doesn't make all the others anew.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from depthvla.runtime.config import read_config
from depthvla.runtime.failure import USAGE, WorkerError
from depthvla.runtime.job import Job, Streamed

C = TypeVar("C")


@dataclass(frozen=True)
class Port:
    """An input or output: its format, what it is.

    Attributes:
        required: whether a stage can't do without this input.
        several: whether it may be bound several times too, each under a name of its own (`labels-bridge`).
        streams: whether this input may be read in place; else it has to be a folder on the host. All that touches its
            path must then go through `pathlib`, or `depthvla.streams.path`.
    """

    format: str | None
    description: str
    required: bool = True
    streams: bool = False
    several: bool = False


@dataclass(frozen=True)
class Stage(Generic[C]):
    config: type[C]
    body: Callable[[Job, C], None]
    inputs: Mapping[str, Port] = field(default_factory=dict)
    outputs: Mapping[str, Port] = field(default_factory=dict)
    shardable: bool = False
    distributed: bool = False

    def run(self, job: Job) -> None:
        """Checks the config and what must be there, then runs.

        Raises:
            WorkerError: CONFIG_INVALID, INPUT_MISSING, RANKS_UNSUPPORTED, or what the stage finds.
        """
        config = read_config(self.config, job.config)
        for name, port in self.inputs.items():
            if port.required:
                job.input(name)
        if job.world > 1 and not self.distributed:
            raise WorkerError("RANKS_UNSUPPORTED", f"stage {job.stage} runs with one rank, not {job.world}")
        try:
            self.body(job, config)
        finally:
            if any(isinstance(each, Streamed) for each in job.inputs.values()):
                _say_what_was_streamed()


def _say_what_was_streamed() -> None:
    from depthvla.streams.figures import FIGURES
    from depthvla.streams.report import summary

    print(summary(FIGURES.now()), flush=True)


def stage(
    config: type[C],
    *,
    inputs: Mapping[str, Port] | None = None,
    outputs: Mapping[str, Port] | None = None,
    shardable: bool = False,
    distributed: bool = False,
) -> Callable[[Callable[[Job, C], None]], Stage[C]]:
    """Makes a stage of a function `run(job, config)`. The function's first docstring line describes the stage."""
    return lambda body: Stage(config, body, inputs or {}, outputs or {}, shardable, distributed)


def find_stage(entry: str) -> Stage[object]:
    """The stage `depthvla.stages.<entry>.run`.

    Raises:
        WorkerError: ENTRY_UNKNOWN.
    """
    name = f"depthvla.stages.{entry}"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise WorkerError("ENTRY_UNKNOWN", f"this worker has no entry `{entry}`", exit_code=USAGE) from error
    found = getattr(module, "run", None)
    if not isinstance(found, Stage):
        raise WorkerError("ENTRY_UNKNOWN", f"{name} has no stage `run`", exit_code=USAGE)
    return found
