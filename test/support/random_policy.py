"""An exported policy that has learnt nothing."""

from pathlib import Path

import numpy as np

from depthvla.data.statistics import Both, Spread, Statistics
from depthvla.model.config import ModelConfig
from depthvla.model.depthvla import DepthVLA
from depthvla.model.export import Made, export_policy
from depthvla.model.normalisation import Normalisation
from depthvla.model.text import open_tokenizer


def write_random_policy(
    folder: Path, config: ModelConfig, cameras: tuple[str, ...] = ("front",), blind: bool = False
) -> Path:
    """Writes it with whatever weights torch's generator gives, and with statistics that make a difference. A tokenizer
    that needs a file takes it from beside the folder."""

    def spread(width: int, seed: int) -> Spread:
        x = np.random.default_rng(seed).normal(0.1 * seed, 0.3 * seed, (50, width))
        of = (x.mean(0), x.std(0), x.min(0), x.max(0), *np.quantile(x, (0.01, 0.99), axis=0))
        return Spread([50] * width, *(v.tolist() for v in of))

    both = Both(spread(config.state, 1), spread(config.actions, 2))
    export_policy(
        folder, config, DepthVLA(config).state_dict(), Normalisation(Statistics(both, {"demos": both})),
        open_tokenizer(config.text, folder.parent), cameras=cameras, blind=blind,
        instructions=["open the drawer", "press the button"],
        made=Made("train", "0123", {"demos": "4567"}, {"torch": "2"}),
    )  # fmt: skip
    return folder
