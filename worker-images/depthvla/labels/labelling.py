"""Labelling the episodes of one shard, from the first that has no labels yet."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from depthvla.data.demos import load_demos
from depthvla.data.lerobot_info import FILE, read_info
from depthvla.data.truth import load_truth
from depthvla.labels.metrics import Scores, results
from depthvla.labels.panels import depth_panel
from depthvla.labels.sidecar import About, name_of, read_episode, to_millimetres, write_clip
from depthvla.model.build import build
from depthvla.model.depth import DepthExpert
from depthvla.model.files import load_model
from depthvla.runtime.failure import WorkerError
from depthvla.runtime.job import Job
from depthvla.runtime.pieces import Pieces
from depthvla.training.depth import predict

SHOWN = 6


class Labelling:
    """The labels of this shard: every `shards`-th episode."""

    def __init__(self, job: Job, batch_size: int, commit_every: float) -> None:
        saved = load_model(job.input("labeller"), "depth-expert")
        self.job, self.batch_size, self.labeller = job, batch_size, saved.digest
        self.camera = read_info(job.input("demos") / FILE).cameras[0]
        self.model = build(lambda: DepthExpert(saved.config), saved.weights, str(job.input("labeller")))
        self.demos = load_demos(job.input("demos"), saved.config.image)
        # Now, not after an hour of labelling: a truth that doesn't fit is told at once.
        self.truth = load_truth(job.input("truth"), saved.config.image) if job.has("truth") else None
        if self.truth is not None and len(self.truth) != len(self.demos):
            raise WorkerError("DATA_BROKEN", f"truth has {len(self.truth)} frames, the demos {len(self.demos)}")
        every = sorted(set(self.demos.episode.tolist()))
        self.episodes = every[job.shard :: job.shards]
        self.folder = job.output("labels")
        self.pieces = Pieces(job, self.folder, self.labeller, commit_every)

    def remaining(self) -> Iterator[tuple[int, int]]:
        """Episodes without labels, each with how many will be done after it."""
        for episode in [e for e in self.episodes if str(e) not in self.pieces.done]:
            yield self.pieces.count + 1, episode

    def label(self, episode: int) -> None:
        images = self.demos.images[self.demos.episode == episode]
        depth = to_millimetres(predict(self.model, images, self.batch_size))
        write_clip(self.folder, episode, self.camera, depth, About(self.labeller, (self.labeller,)))
        self.pieces.add(str(episode), [name_of(episode, self.camera)])

    def finish(self) -> None:
        """Scores the labels, shows some, and says done."""
        job = self.job
        rows = np.isin(self.demos.episode, self.episodes)
        depth = [read_episode(self.folder, e)[0] for e in self.episodes]
        frames = int(rows.sum())
        summary = f"{len(self.episodes)} episodes, {frames:,} frames"
        found: dict[str, float | dict[str, int]] = {}
        if depth:
            labels = np.concatenate(depth)
            truth = None if self.truth is None else self.truth[rows]
            if truth is not None:
                scores = Scores()
                scores.add(labels, truth)
                found = results({"none": scores})
                summary += f", absrel {scores.absrel:.2f}"
            shown = list(range(0, frames, max(1, frames // SHOWN)))[:SHOWN]
            depth_panel(
                job.sample_path("labels.png"), self.demos.images[rows][shown], labels[shown],
                None if truth is None else truth[shown],
            )  # fmt: skip
            job.events.sample("labels", "samples/labels.png", "demonstrations: input, pseudo depth, true depth")
        job.events.artifact("labels", summary)
        job.events.done(found, summary)
