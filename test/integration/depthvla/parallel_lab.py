"""Trains one tiny model in many ways, in processes that were forked after torch was imported once.

`python parallel_lab.py <folder>`: rank 0 of each way leaves `<name>.json` (its loss curve, the weights that it
started from and on which device each rank made them) and `<name>.pt` (the weights that it kept).
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import sys
import traceback
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from depthvla.model.config import EncoderConfig, ExpertConfig, ModelConfig, TextConfig
from depthvla.model.depthvla import DepthVLA
from depthvla.model.observation import Observation
from depthvla.runtime import randomness, seeds
from depthvla.runtime.distributed import process_group, set_up_torch, whole_state
from depthvla.runtime.job import read_job
from depthvla.runtime.training import train
from depthvla.training.batch import Batch, Moments
from depthvla.training.joint import FlowAndDepth, JointLoss, JointSettings
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
# Some gradients are longer than `clip` and some aren't: Adam alone would follow ones that are all twice too long too.
ONE = TrainingSettings(
    steps=STEPS, batch_size=BATCH, warmup=2, lr=3e-3, clip=0.6, ema=0.8, pretrained=["vlm"], pretrained_lr=0.5
)
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


class Demonstrations:
    """Noise of which unevenly much counts: only the last quarter of a batch has depth, and the first half of it is at
    the end of its episodes."""

    mixture = SimpleNamespace(settings=SimpleNamespace(depth="labels"))

    def read(self, step: int, *, size: int, draws: int, seed: int, rank: int, world: int) -> Moments:
        random = seeds.generator(seed, "demonstrations", step)
        images, depth = pictures(size, random)
        depth[: size * 3 // 4] = 0
        keep = torch.ones(size, SIZE.horizon, dtype=torch.bool)
        keep[: size // 2, 1:] = False
        noisy, velocity = torch.randn(2, size, draws, SIZE.horizon, SIZE.actions, generator=random)
        observation = Observation(
            images[:, None],
            torch.randint(0, 64, (size, 5), generator=random),
            torch.randn(size, SIZE.state, generator=random),
        )
        time = torch.rand(size, draws, generator=random)
        has = torch.ones(size, SIZE.actions, dtype=torch.bool)
        weight = torch.rand(size, 1, SIZE.image, SIZE.image, generator=random)
        moments = Moments(observation, noisy, time, velocity, keep, has, depth[:, None], weight)
        return Batch(moments, None).part(rank, world).moments


class FurtherScenes:
    """Noise, of which one picture of a batch has depth."""

    def draw(self, step: int, size: int, rank: int, world: int) -> tuple[Tensor, Tensor]:
        images, depth = pictures(size, seeds.generator(0, "scenes", step))
        depth[1:] = torch.nan
        rows = seeds.part(size, rank, world)
        return images[rows], depth[rows]


def pictures(count: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """And depth that can be read off them."""
    images = torch.randint(0, 256, (count, SIZE.image, SIZE.image, 3), dtype=torch.uint8, generator=random)
    return images, images.float().mean(3) / 100 + 0.5


def go(name: str, folder: Path, rank: int, world: int, settings: TrainingSettings) -> None:
    """One rank's part of one way; each has an attempt directory of its own, since they write it at once."""
    directory = folder / name / str(rank)
    directory.mkdir(parents=True)
    body = {
        "protocol": 1, "attempt": name, "job": "k" * 64, "stage": name, "entry": name, "shard": 0, "shards": 1,
        "fence": 1, "config": {}, "inputs": {}, "outputs": [], "ranks": world, "cores": world, "gpus": [],
        "store": {"url": f"file://{folder}/store"}, "prefix": "p", "resume": [], "checkpoint": {"every": None},
        "grace": 30,
    }  # fmt: skip
    (directory / "job.json").write_text(json.dumps(body))
    ranks = {"RANK": rank, "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": min(world, 2)}
    job = read_job(directory, {key: str(value) for key, value in ranks.items()})
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
        what: Any = (Demonstrations(), FurtherScenes(), job, JointSettings(BATCH, SCENES, DRAWS, 0.7, 0))
        with closing(JointLoss(model, *what)) as losses:
            train(job, model, losses, settings, device)
        kept = whole_state(model)
    (directory / "made").write_text(" ".join(made))
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
    ranks = {rank_process(rank, folder, ports) for rank in range(RANKS)}
    while ranks:
        pid, status = os.wait()
        ranks.discard(pid)
        if code := os.waitstatus_to_exitcode(status):
            # The others would wait for it.
            for other in ranks:
                os.kill(other, signal.SIGKILL)
            sys.exit(code)


def rank_process(rank: int, folder: Path, ports: list[str]) -> int:
    """Goes all ways that this rank takes part in; returns its process."""
    if pid := os.fork():
        return pid
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


if __name__ == "__main__":
    main(Path(sys.argv[1]))
