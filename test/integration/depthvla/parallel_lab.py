"""Trains one tiny model in many ways, in processes that were forked after torch was imported once.

`python parallel_lab.py <folder>`: rank 0 of each way leaves `<name>.json` (its loss curve, the weights that it
started from and on which device each rank made them) and `<name>.pt` (the weights that it kept).
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import traceback
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from depthvla.losses import flow, pictures_measured, silog
from depthvla.model.config import EncoderConfig, ExpertConfig, ModelConfig, TextConfig
from depthvla.model.depthvla import DepthVLA
from depthvla.model.observation import Observation
from depthvla.runtime import randomness, seeds
from depthvla.runtime.distributed import process_group, set_up_torch, whole_state
from depthvla.runtime.events import Events
from depthvla.runtime.job import CheckpointPolicy, Job, StoreAddress
from depthvla.runtime.training import train
from depthvla.training.joint import Batch, FlowAndDepth
from depthvla.training.settings import TrainingSettings
from depthvla.training.share import share

RANKS = 4
BATCH, SCENES, DRAWS, STEPS = 8, 4, 2, 5
SIZE = ModelConfig(
    image=16, layers=2, heads=4, kv_heads=1, head_dim=8,
    vlm=ExpertConfig(24, 40), action=ExpertConfig(12, 20), depth=ExpertConfig(16, 28, layers=1),
    vision=EncoderConfig(8, 20, layers=1, heads=2, mlp=30), depth_vision=EncoderConfig(4, 16),
    text=TextConfig(vocabulary=64, length=5), state=3, actions=2, horizon=4,
)  # fmt: skip
ONE = TrainingSettings(steps=STEPS, batch_size=BATCH, warmup=2, lr=3e-3, ema=0.8, pretrained=["vlm"], pretrained_lr=0.5)
WAYS = {
    "one": (1, ONE),
    "one-micro": (1, replace(ONE, micro_batch_size=2)),
    "one-bf16": (1, replace(ONE, precision="bf16")),
    "two-micro": (2, replace(ONE, micro_batch_size=1)),
    "four": (4, ONE),
    "two-shard-micro-recompute": (2, replace(ONE, sharing="shard", micro_batch_size=2, recompute=True)),
    "four-hybrid-micro": (4, replace(ONE, sharing="hybrid", micro_batch_size=1)),
    "two-shard-bf16": (2, replace(ONE, sharing="shard", precision="bf16")),
}


class Unevenly:
    """Flow and depth on noise. What counts lies unevenly: three quarters of the demonstrations have no depth, all in
    one half of the batch, most scenes have none, and episodes end at once in the first rows."""

    names = ("flow", "depth")

    def __init__(self, model: FlowAndDepth, job: Job, device: torch.device) -> None:
        self.model, self.job, self.device = model, job, device

    def draw(self, step: int) -> list[float]:
        random = seeds.generator(0, "lab", step)

        def pictures(n: int) -> Tensor:
            return torch.randint(0, 256, (n, SIZE.image, SIZE.image, 3), dtype=torch.uint8, generator=random)

        images, scenes = pictures(BATCH), pictures(SCENES)
        depth = torch.cat((images, scenes)).float().mean(3) / 100 + 0.5
        depth[: BATCH * 3 // 4] = 0
        depth[BATCH + 1 :] = torch.nan
        keep = torch.ones(BATCH, SIZE.horizon, dtype=torch.bool)
        keep[: BATCH // 2, 1:] = False
        shape = (BATCH, DRAWS, SIZE.horizon, SIZE.actions)
        words = torch.randint(0, 64, (BATCH, 5), generator=random)
        state = torch.randn(BATCH, SIZE.state, generator=random)
        noisy, velocity = torch.randn(2, *shape, generator=random)
        time = torch.rand(BATCH, DRAWS, generator=random)
        rows, of_scenes = (seeds.part(n, self.job.rank, self.job.world) for n in (BATCH, SCENES))
        self.batch = Batch(
            Observation(images[rows, None], words[rows], state[rows]),
            noisy[rows], time[rows], velocity[rows], keep[rows],
            scenes[of_scenes], torch.cat((depth[:BATCH][rows], depth[BATCH:][of_scenes])),
        )  # fmt: skip
        assert self.batch.depth is not None
        return [float(self.batch.keep.sum()), float(pictures_measured(self.batch.depth))]

    def forward(self, part: int, parts: int) -> list[Tensor]:
        batch = self.batch.part(part, parts).to(self.device)
        velocity, log_depth = self.model(batch)
        assert log_depth is not None
        assert batch.depth is not None
        return [flow(velocity, batch.velocity, batch.keep), silog(log_depth, batch.depth)]


def go(name: str, folder: Path, rank: int, world: int, settings: TrainingSettings) -> None:
    directory = folder / name
    directory.mkdir(exist_ok=True)
    job = Job(
        directory=directory, attempt=name, job="k" * 64, stage=name, entry=name, shard=0, shards=1, fence=1, config={},
        inputs={}, outputs=(), ranks=world, cores=world, gpus=(), store=StoreAddress(f"file://{folder}/store"),
        prefix="p", resume=(), checkpoint=CheckpointPolicy(None), grace=30.0,
        rank=rank, local_rank=rank, world=world, local_world=min(world, 2),
        events=Events(directory / f"events.{rank}.jsonl", rank),
    )  # fmt: skip
    device = set_up_torch(job)
    randomness.start(0)
    made: list[str] = []

    def make() -> FlowAndDepth:
        model = DepthVLA(SIZE)
        made.append(next(model.parameters()).device.type)
        return FlowAndDepth(model)

    def fill(model: FlowAndDepth) -> None:
        assert model.model.depth is not None
        model.model.depth.start_at(0.3)

    with process_group(job):
        model = share(make, fill, settings, job, device)
        start = bits(whole_state(model))
        train(job, model, Unevenly(model, job, device), settings, device)
        kept = whole_state(model)
    (directory / f"made.{rank}").write_text(" ".join(made))
    if rank:
        return
    torch.save(kept, folder / f"{name}.pt")
    events = [json.loads(line) for line in (directory / "events.0.jsonl").read_text().splitlines()]
    curve = [[e["name"], e["step"], e["value"]] for e in events if e["type"] == "metric"]
    (folder / f"{name}.json").write_text(json.dumps({"curve": curve, "start": start}))


def bits(weights: dict[str, Tensor]) -> str:
    return hashlib.sha256(b"".join(t.numpy().tobytes() for t in weights.values())).hexdigest()


def free_ports(count: int) -> list[str]:
    """Held open together, so that they differ."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [str(each.getsockname()[1]) for each in held]


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    ports = free_ports(len(WAYS))
    for rank in range(RANKS):
        if os.fork() == 0:
            try:
                for (name, (world, settings)), port in zip(WAYS.items(), ports, strict=True):
                    if rank < world:
                        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
                        os.environ |= address | {"RANK": str(rank), "WORLD_SIZE": str(world)}
                        go(name, folder, rank, world, settings)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
    sys.exit(max(os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(RANKS)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
