"""GPUs as their makers describe them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from depthvla.runtime.sharing import Precision


@dataclass(frozen=True)
class Gpu:
    name: str
    memory: float
    """GiB."""
    bf16: float
    """Peak of dense products in bfloat16, summed in float32: 10¹² operations a second."""
    fp32: float
    """The same in float32, without TensorFloat-32, which PyTorch doesn't use unless told to."""
    bandwidth: float
    """Of its memory, GB/s."""
    link: float
    """To the other GPUs of its node, GB/s in one direction."""
    network: float
    """To those of other nodes, GB/s in one direction; ours: what such nodes usually come with."""

    def peak(self, precision: Precision) -> float:
        """Operations a second."""
        return 1e12 * (self.bf16 if precision == "bf16" else self.fp32)


GPUS = {
    # NVLink 4 has 900 GB/s both ways; one 400 Gb/s port a GPU.
    "h100": Gpu("H100 SXM", 80, 989, 67, 3350, 450, 50),
    "h200": Gpu("H200 SXM", 141, 989, 67, 4800, 450, 50),
    # NVLink 3 has 600 GB/s both ways; one 200 Gb/s port a GPU.
    "a100": Gpu("A100 SXM 80 GB", 80, 312, 19.5, 2039, 300, 25),
    # No NVLink: PCIe 4 × 16; 25 Gb/s for a node of eight.
    "4090": Gpu("RTX 4090", 24, 165, 82.6, 1008, 25, 0.4),
}
SHARE = 0.4
"""Of its peak that a GPU reaches in a whole step. Ours: what large transformers are commonly reported to reach on A100
and H100, between 0.3 and 0.5; small batches reach less."""


def gpu_of(name: str, *, memory: float | None = None, link: float | None = None, network: float | None = None) -> Gpu:
    """One of the known, with what is said otherwise."""
    found = GPUS[name]
    return replace(
        found,
        memory=found.memory if memory is None else memory,
        link=found.link if link is None else link,
        network=found.network if network is None else network,
    )
