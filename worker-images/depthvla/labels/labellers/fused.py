"""The sharp relative map of one labeller with the metres of another.

In a clip one scale and one shift take relative inverse depth r to that of the metric map, 1/m, whatever outliers there
are (alignment.py): depth is 1 / (scale · r + shift). They are found on some frames, evenly spread, and hold for all, so
that depth doesn't flicker as the metric map may. Where no such scale is to be found, the metric map is taken as it is,
and the clip is flagged. (Where the two maps are of different scenes there is a scale; that they don't agree, the gates
find.) Confidence is how far both agree: the smaller depth over the larger, 0..1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from depthvla.labels import alignment
from depthvla.labels.alignment import fit_robustly, to_depth
from depthvla.labels.labellers.labeller import Batch, Labelled, Labeller, Look, Settled
from depthvla.labels.labellers.model_files import digest_of, digest_of_code
from depthvla.labels.score import measured
from depthvla.labels.sidecar import FARTHEST


class Fused:
    name = "fused"
    common = 64

    def __init__(self, relative: Labeller, metric: Labeller) -> None:
        self._relative, self._metric = relative, metric
        self.models = (*relative.models, *metric.models)
        code = digest_of_code(__file__, alignment.__file__)
        parts = {"labeller": self.name, "relative": relative.digest, "metric": metric.digest, "code": code}
        self.digest = digest_of(parts)

    def prepare(self, batch: Batch) -> Callable[[], Look]:
        sharp, metric = self._relative.prepare(batch), self._metric.prepare(batch)

        def look() -> Look:
            return Look(metric().metres, sharp().relative)

        return look

    def settle(self, looks: Look) -> Settled:
        assert looks.metres is not None
        assert looks.relative is not None
        fit = fit_robustly(looks.relative, looks.metres)

        def finish(look: Look) -> Labelled:
            assert look.metres is not None
            assert look.relative is not None
            if fit.problem is not None:
                return Labelled(look.metres, np.zeros_like(look.metres), look.metres)
            metres = to_depth((fit.scale * look.relative + fit.shift).astype(np.float32), FARTHEST)
            metres = np.where(np.isfinite(metres), metres, 0).astype(np.float32)
            both = measured(metres) & measured(look.metres)
            low, high = np.minimum(metres, look.metres), np.maximum(metres, look.metres)
            sure = np.where(both, low / np.where(both, high, 1), 0).astype(np.float32)
            return Labelled(metres, sure, look.metres)

        return Settled(finish, fit.problem)
