"""A plan as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from depthvla.planning.hardware import Gpu
from depthvla.planning.memory import GIB, Memory
from depthvla.planning.search import Way
from depthvla.planning.weights import units
from depthvla.runtime.config import Json

WORDS = {
    "weights": "weights, float32",
    "gradients": "gradients, float32",
    "optimizer": "AdamW's two moments",
    "average": "moving average of the weights",
    "copies": "bfloat16 copies of weights",
    "gathered": "weights gathered from other GPUs",
    "in_flight": "largest gradient on its way",
    "activations": "activations",
    "working": "working memory of the largest layer",
    "batch": "batch",
    "context": "CUDA, libraries, NCCL (ours)",
}


def lines(name: str, way: Way, others: Iterable[Way], gpu: Gpu, steps: int | None, enough: int | None) -> list[str]:
    """For people.

    Args:
        enough: GPUs that have room for it, where these don't.
    """
    s = way.setup
    parts = units(s.config, freeze_depth=s.freeze_depth)
    weights, trained = sum(u.weights for u in parts), sum(u.weights for u in parts if u.trained)
    nodes = -(-s.gpus // s.per_node)
    where = f"{s.gpus} × {gpu.name}, {gpu.memory:g} GiB" + (f", on {nodes} nodes" if nodes > 1 else "")
    return [
        f"{name}: {weights:,} weights, {trained:,} of them trained; {where}",
        "",
        *_verdict(way, gpu, enough),
        "",
        "one GPU holds, GiB:",
        *_memory(way.memory, gpu),
        "",
        *_time(way, steps),
        "",
        "other ways, each at its fastest:",
        f"  {'sharing':<10} {'recompute':<9} {'micro-batch':>11} {'GiB':>7} {'samples/s':>10}",
        *(_row(each, gpu) for each in others),
    ]


def _verdict(way: Way, gpu: Gpu, enough: int | None) -> list[str]:
    s = way.setup
    settings = (
        f"precision: {s.precision}, sharing: {s.sharing}, recompute: {str(s.recompute).lower()}, "
        f"batch_size: {s.batch_size}, micro_batch_size: {round(s.batch.samples)}"
    )
    if way.fits:
        return [f"fits with {settings}", *_accumulation(way)]
    lacking = way.memory.total / GIB - gpu.memory
    more = (
        []
        if enough is None
        else [f"  {enough} of these GPUs that share it (sharing: shard, recompute: true) have room"]
    )
    return [f"does not fit: {lacking:.1f} GiB too much with {settings}", *more]


def _accumulation(way: Way) -> list[str]:
    n = way.setup.accumulation
    return [f"  gradients add up over {n} micro-batches a step"] if n > 1 else []


def _memory(m: Memory, gpu: Gpu) -> list[str]:
    rows = [(WORDS[name], value) for name, value in asdict(m).items() if value]
    rows += [("margin for memory in pieces, 5 % (ours)", m.margin), ("in all", m.total)]
    return [f"  {words:<42} {value / GIB:8.2f}" for words, value in rows] + [f"  {'of':<42} {gpu.memory:8.2f}"]


def _time(way: Way, steps: int | None) -> list[str]:
    t, s = way.time, way.setup
    beside = "beside it" if t.overlaps else "after it"
    found = [
        f"a step of {s.batch_size} samples takes about {t.total:.3g} s: {t.flops / 1e12:,.1f} TFLOP on each GPU in "
        f"{t.computing:.3g} s,",
        f"  {t.communicating:.3g} s for weights and gradients {beside}, {t.updating:.2g} s for AdamW; "
        f"{way.speed:,.0f} samples/s without reading data",
    ]
    if steps is not None:
        hours = steps * t.total / 3600
        found.append(f"{steps:,} steps: {hours:,.1f} hours, {hours * s.gpus:,.0f} GPU-hours")
    return found


def _row(way: Way, gpu: Gpu) -> str:
    s = way.setup
    speed = f"{way.speed:10,.0f}" if way.fits else f"{'too much':>10}"
    again = str(s.recompute).lower()
    return f"  {s.sharing:<10} {again:<9} {round(s.batch.samples):>11} {way.memory.total / GIB:7.1f} {speed}"


def document(name: str, way: Way, others: Iterable[Way], gpu: Gpu, share: float, steps: int | None) -> dict[str, Json]:
    """For programs: bytes and seconds."""
    s = way.setup
    parts = units(s.config, freeze_depth=s.freeze_depth)
    hours = None if steps is None else steps * way.time.total / 3600
    return {
        "preset": name,
        "weights": sum(u.weights for u in parts),
        "trained": sum(u.weights for u in parts if u.trained),
        "gpu": asdict(gpu),
        "share_of_peak": share,
        **_way(way),
        "steps": steps,
        "hours": hours,
        "gpu_hours": None if hours is None else hours * s.gpus,
        "ways": [_way(each) for each in others],
    }


def _way(way: Way) -> dict[str, Json]:
    s = way.setup
    return {
        "fits": way.fits,
        "gpus": s.gpus, "gpus_per_node": s.per_node, "precision": s.precision, "sharing": s.sharing,
        "recompute": s.recompute, "ema": s.ema,
        "micro_batch_size": round(s.batch.samples), "batch_size": s.batch_size, "accumulation": s.accumulation,
        "memory": {**asdict(way.memory), "margin": way.memory.margin, "total": way.memory.total},
        "time": {**asdict(way.time), "total": way.time.total},
        "samples_per_second": way.speed,
    }  # fmt: skip
