"""`python -m depthvla.plan --preset paper --gpus 32 --memory 80`: whether a training fits, how, and how long it takes.

From shapes alone, in a second, on any machine. `--measure` does one step on this machine's GPU and compares.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Sequence

from depthvla.model.config import ModelConfig
from depthvla.model.presets import PRESETS, Preset
from depthvla.planning.hardware import GPUS, SHARE, gpu_of
from depthvla.planning.search import best, enough, ways
from depthvla.planning.setup import Setup
from depthvla.planning.table import document, lines
from depthvla.planning.work import Batch
from depthvla.runtime.command_line import CommandLine
from depthvla.runtime.failure import WorkerError


def main(argv: Sequence[str]) -> int:
    """Returns the exit code: 0 fits, 1 doesn't, 64 for a mistake in what was asked."""
    parser = _parser()
    o = parser.parse_args(argv)
    _check(parser, o)
    try:
        config = _config(o)
        gpu = gpu_of(o.gpu, memory=o.memory, link=o.link, network=o.network)
        per_node = min(o.per_node, o.gpus)
        setup = Setup(
            config, o.gpus, per_node, "replicate", False, o.precision, Batch(1, o.noise_draws),
            ema=o.ema, attention=o.attention, freeze_depth=o.freeze_depth_expert,
        )  # fmt: skip
        found = ways(
            setup, gpu, o.share, batch_size=o.batch_size, scenes=o.scenes, micro=o.micro_batch_size,
            sharing=o.sharing, recompute=None if o.recompute is None else o.recompute == "true",
        )  # fmt: skip
        chosen = best(found)
        room = None if chosen.fits else enough(chosen.setup, gpu, o.share)
        if o.measure:
            from depthvla.planning.measure import measure

            return measure(chosen, gpu, as_json=o.json)
    except WorkerError as error:
        hint = "" if error.hint is None else f"\n{error.hint}"
        print(f"{error.code}: {error.message}{hint}", file=sys.stderr)
        return error.exit_code
    if o.json:
        print(json.dumps(document(o.preset, chosen, found, gpu, o.share, o.steps) | {"enough_gpus": room}))
    else:
        print("\n".join(lines(o.preset, chosen, found, gpu, o.steps, room)))
    return 0 if chosen.fits else 1


def _parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        "python -m depthvla.plan", description="Whether a training fits into memory, how, and how long it takes."
    )
    add = parser.add_argument
    add("--preset", choices=list(PRESETS), required=True)
    add("--gpus", type=int, default=1, metavar="N", help="in all (default 1)")
    add("--per-node", type=int, default=8, metavar="N", help="of them on one node (default 8)")
    add("--gpu", choices=list(GPUS), default="h100", help="which ones (default h100)")
    add("--memory", type=float, metavar="GIB", help="of one GPU, where it isn't what that one has")
    add("--link", type=float, metavar="GB/S", help="between GPUs of a node, one direction")
    add("--network", type=float, metavar="GB/S", help="between nodes, for each GPU, one direction")
    add("--share", type=float, default=SHARE, help=f"of its peak that a GPU reaches (default {SHARE}, ours)")
    add("--batch-size", type=int, metavar="N", help="samples a step, over all GPUs (default: what fits at once)")
    add("--micro-batch-size", type=int, metavar="N", help="samples that a GPU carries at once (default: the fastest)")
    add(
        "--scenes",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="pictures for the depth loss alone, a sample (default 0)",
    )
    add("--noise-draws", type=int, default=4, metavar="K", help="a sample (default 4)")
    add("--precision", choices=["bf16", "fp32"], default="bf16")
    add("--sharing", choices=["replicate", "shard", "hybrid"], help="(default: the fastest)")
    add("--recompute", choices=["true", "false"], help="(default: the fastest)")
    add("--attention", choices=["sdpa", "flex"], default="sdpa")
    add("--no-ema", dest="ema", action="store_false", help="no moving average of the weights")
    add("--freeze-depth-expert", action="store_true")
    add("--no-depth-expert", dest="depth_expert", action="store_false", help="π0")
    add("--no-block-mask", dest="block_mask", action="store_false")
    add("--cameras", type=int, metavar="N", help="(default: the preset's)")
    add("--depth-cameras", type=int, metavar="N", help="of them with depth (default: the preset's)")
    add("--depth-pool", type=int, metavar="N", help="depth tokens averaged into one, each way (default: the preset's)")
    add("--depth-layers", type=int, metavar="N", help="of the depth expert (default: the preset's)")
    add("--horizon", type=int, metavar="N", help="actions in a chunk (default: the preset's)")
    add("--steps", type=int, metavar="N", help="of a whole training: gives hours")
    add("--measure", action="store_true", help="do one step on this machine's GPU, and compare")
    add("--json", action="store_true", help="one JSON document: bytes and seconds")
    return parser


def _check(parser: argparse.ArgumentParser, o: argparse.Namespace) -> None:
    counts = (
        "gpus", "per_node", "batch_size", "micro_batch_size", "noise_draws", "cameras", "depth_cameras", "depth_pool",
        "depth_layers", "horizon", "steps",
    )  # fmt: skip
    for name in counts:
        value = getattr(o, name)
        if value is not None and value < 1:
            parser.error(f"{_option(name)} takes a whole number from 1, not {value}")
    for name in ("memory", "link", "network"):
        value = getattr(o, name)
        if value is not None and not 0 < value < float("inf"):
            parser.error(f"{_option(name)} takes a number above 0, not {value:g}")
    if not 0 < o.share <= 1:
        parser.error(f"--share takes a number above 0, up to 1, not {o.share:g}")
    if not 0 <= o.scenes < float("inf"):
        parser.error(f"--scenes takes a number from 0, not {o.scenes:g}")
    if o.gpus > o.per_node and o.gpus % o.per_node:
        parser.error(f"--gpus {o.gpus} are no whole nodes of {o.per_node} (--per-node)")
    if o.batch_size is not None and o.batch_size % o.gpus:
        parser.error(f"--batch-size {o.batch_size} is no multiple of {o.gpus} GPUs")
    if o.batch_size is not None and o.micro_batch_size is not None and o.batch_size % (o.micro_batch_size * o.gpus):
        parser.error(
            f"--batch-size {o.batch_size} is no multiple of --micro-batch-size {o.micro_batch_size} × {o.gpus} GPUs"
        )
    if o.measure and o.gpus != 1:
        parser.error("--measure takes one GPU: leave --gpus out")
    of_depth = {
        "freeze_depth_expert": False,
        "depth_cameras": None,
        "depth_pool": None,
        "depth_layers": None,
        "scenes": 0,
    }
    for name in (name for name, usual in of_depth.items() if not o.depth_expert and getattr(o, name) != usual):
        parser.error(f"--no-depth-expert leaves nothing for {_option(name)}")


def _config(o: argparse.Namespace) -> ModelConfig:
    """Raises:
    WorkerError: MODEL_INVALID.
    """
    preset: Preset = o.preset
    names = ("cameras", "depth_cameras", "depth_pool", "horizon")
    said = {name: value for name in names if (value := getattr(o, name)) is not None}
    config = dataclasses.replace(PRESETS[preset], block_mask=o.block_mask, **said)
    if not o.depth_expert or config.depth is None:
        return dataclasses.replace(config, depth=None)
    layers = config.depth.layers if o.depth_layers is None else o.depth_layers
    return dataclasses.replace(config, depth=dataclasses.replace(config.depth, layers=layers))


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _quietly() -> int:
    """No stack trace for who reads its first lines only."""
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(_quietly())
