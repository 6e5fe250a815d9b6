"""A trained policy as one folder: weights, config, statistics, words, and a page that says what it is.

`Policy.load(folder)` takes it, and refuses it when a file in it isn't what `config.json` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from torch import Tensor

from depthvla.data.statistics import FILE as STATISTICS
from depthvla.data.statistics import read_statistics, write_statistics
from depthvla.model.card import write_card
from depthvla.model.config import ModelConfig
from depthvla.model.files import CONFIG, Saved, load_model, save_model
from depthvla.model.normalisation import Normalisation
from depthvla.model.text import Tokenizer, open_tokenizer
from depthvla.runtime.config import Json
from depthvla.runtime.failure import WorkerError

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


@dataclass(frozen=True)
class Exported:
    """A policy's folder, as it was written; its model isn't built yet."""

    saved: Saved
    stats: Normalisation
    tokenizer: Tokenizer
    cameras: tuple[str, ...]
    blind: bool


def read_policy(folder: Path) -> Exported:
    """Reads what `export_policy` wrote, with the statistics and the tokenizer of its training and no others.

    Raises:
        WorkerError: MODEL_INVALID, STATISTICS_INVALID, TOKENIZER_INVALID.
    """
    saved = load_model(folder, KIND)
    for name in ("cameras", "blind", "statistics_sha256", "tokenizer_sha256"):
        if name not in saved.extra:
            raise WorkerError("MODEL_INVALID", f"{folder / CONFIG}: '{name}' is missing")
    extra = saved.extra
    stats = Normalisation(read_statistics(folder))
    if stats.digest != extra["statistics_sha256"]:
        raise WorkerError(
            "STATISTICS_INVALID",
            f"{folder / STATISTICS} has the SHA-256 {stats.digest}, the policy was trained with "
            f"{extra['statistics_sha256']}",
            hint="with other statistics its actions would be other motions: take the file that was exported with it",
        )
    tokenizer = open_tokenizer(saved.config.text, folder)
    if tokenizer.digest != extra["tokenizer_sha256"]:
        message = f"{folder}: the tokenizer's SHA-256 is {tokenizer.digest}, the policy was trained with "
        raise WorkerError("TOKENIZER_INVALID", message + str(extra["tokenizer_sha256"]))
    cameras = tuple(str(name) for name in cast("list[str]", extra["cameras"]))
    return Exported(saved, stats, tokenizer, cameras, extra["blind"] is True)


def _short(camera: str) -> str:
    """`observation.images.front` of a LeRobotDataset is `front`."""
    return camera.removeprefix("observation.").removeprefix("images.")
