"""A trained policy as one folder: weights, config, statistics, words, and a page that says what it is.

`Policy.load(folder)` takes it, and refuses it when a file in it isn't what `config.json` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import Tensor

from depthvla.data.statistics import write_statistics
from depthvla.model.card import write_card
from depthvla.model.config import ModelConfig
from depthvla.model.files import save_model
from depthvla.model.normalisation import Normalisation
from depthvla.model.text import Tokenizer
from depthvla.runtime.config import Json

KIND = "depthvla-policy"


@dataclass(frozen=True)
class Made:
    """What made a policy. All of it is the same for the same job, whoever ran it and when.

    Attributes:
        job: its content key.
        inputs: by name, their digests.
        versions: of Python and of the libraries that decide numbers.
    """

    stage: str
    job: str
    inputs: Mapping[str, str]
    versions: Mapping[str, str]


def export_policy(
    folder: Path,
    config: ModelConfig,
    weights: Mapping[str, Tensor],
    stats: Normalisation,
    tokenizer: Tokenizer,
    *,
    cameras: Sequence[str],
    instructions: Sequence[str],
    blind: bool,
    made: Made,
) -> str:
    """Writes a policy.

    Args:
        cameras: names of the pictures that it takes, in order.
        instructions: what it was trained on.
        blind: whether its pictures are blacked out.

    Returns:
        The digest of its weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cameras = [_short(name) for name in cameras]
    write_statistics(folder, stats.statistics)
    tokenizer.write(folder, instructions)
    extra: dict[str, Json] = {
        "cameras": cameras, "blind": blind, "made": asdict(made),
        "statistics_sha256": stats.digest, "tokenizer_sha256": tokenizer.digest,
    }  # fmt: skip
    digest = save_model(folder, KIND, config, weights, extra)
    write_card(folder, config, cameras=cameras, instructions=instructions, extra=extra, digest=digest)
    return digest


def _short(camera: str) -> str:
    """`observation.images.front` of a LeRobotDataset is `front`."""
    return camera.removeprefix("observation.").removeprefix("images.")
