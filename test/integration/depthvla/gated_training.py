"""A training as small as can be: it goes no further than the number in the file `$GATE` says, and what it draws comes
from the global generators of Python, numpy and torch, of which each rank has its own."""

from depthvla.runtime import signals

signals.install()

import os  # noqa: E402
import random  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from depthvla.__main__ import report  # noqa: E402
from depthvla.runtime.distributed import process_group, set_up_torch  # noqa: E402
from depthvla.runtime.job import Job, read_job  # noqa: E402
from depthvla.runtime.training import train  # noqa: E402
from depthvla.training.settings import TrainingSettings  # noqa: E402

WIDTH = 160
GATE = Path(os.environ["GATE"])


class Gated:
    names = ("square",)

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def draw(self, step: int) -> list[float]:
        while int(GATE.read_text()) <= step:
            time.sleep(0.005)
        self.x = torch.randn(4, WIDTH) + random.random() + float(np.random.random())
        return [4.0]

    def forward(self, part: int, parts: int) -> list[Tensor]:
        return [self.model(self.x).square().sum()]


def run(job: Job) -> None:
    device = set_up_torch(job)
    torch.manual_seed(0)
    model = nn.Linear(WIDTH, WIDTH)
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(job.rank)
    steps = job.config["steps"]
    assert isinstance(steps, int)
    with process_group(job):
        train(job, model, Gated(model), TrainingSettings(steps=steps, warmup=2), device)
    if job.rank == 0:
        (job.output("model") / "weights").write_bytes(model.weight.detach().numpy().tobytes())
        job.events.done({})


if __name__ == "__main__":
    job = read_job(Path(os.environ["ORCHESTRATE_ATTEMPT_DIR"]))
    signals.leave_in_time(job.grace, job.events.warning)
    try:
        run(job)
    except BaseException as error:
        sys.exit(report(job, error))
