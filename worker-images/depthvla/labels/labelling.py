"""Labelling the clips of one shard, from the first that has no labels yet."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depthvla.data.episodes import EpisodeSource
from depthvla.data.prefetch import Prefetch
from depthvla.data.skips import Skips
from depthvla.labels.clip_work import ClipWork, Done
from depthvla.labels.gates import Thresholds
from depthvla.labels.labellers.labeller import Labeller
from depthvla.labels.overlap import Shares, Writing
from depthvla.labels.panels import depth_panel
from depthvla.labels.quality import file_of, is_flagged, write_quality
from depthvla.labels.reading import ClipOf, Read, Reader, clips_of
from depthvla.labels.scoring import score, show
from depthvla.labels.sidecar import About, name_of, open_clip, write_clip
from depthvla.runtime import signals
from depthvla.runtime.failure import DATA_ERROR, WorkerError
from depthvla.runtime.job import Job
from depthvla.runtime.pieces import Pieces

PICTURES = 12
"""Of flagged clips; the rest are listed only."""


@dataclass(frozen=True)
class Rules:
    """
    Attributes:
        size: shorter side of the labels in pixels; 0: the pictures'.
        leave_out: whether a flagged clip is written without any depth, so that nothing is learnt from it.
        flagged_share, broken_share: of the clips, of the episodes; more are an error.
    """

    size: int
    batch_size: int
    commit_every: float
    limits: Thresholds
    leave_out: bool
    flagged_share: float
    broken_share: float


class Labelling:
    """The labels of this shard: of every `shards`-th episode."""

    def __init__(
        self, job: Job, source: EpisodeSource, labeller: Labeller, truth: Labeller | None, rules: Rules
    ) -> None:
        self.job, self.source, self.labeller, self.truth, self.rules = job, source, labeller, truth, rules
        self.clips = clips_of(source, job.shard, job.shards)
        self.folder = job.output("labels")
        self.pieces = Pieces(job, self.folder, labeller.digest, rules.commit_every)
        episodes = len({c.episode for c in self.clips}) + len(source.faults)
        self.skips = Skips(source.name, episodes, rules.broken_share, job.events.warning, "broken_share")
        for number, fault in enumerate(source.faults):
            self.skips.add(f"fault {number}", fault)
        self.shares = Shares(readers=max(1, min(8, job.cores)))
        self.flagged = sum(is_flagged(self._about(clip)) for clip in self.clips if self._is_done(clip))
        self._work: ClipWork | None = None
        self._broken: set[ClipOf] = set()

    def run(self) -> None:
        """Labels what has no labels yet.

        Raises:
            WorkerError: DATA_BROKEN, LABELS_POOR.
        """
        left = [clip for clip in self.clips if not self._is_done(clip)]
        reader = Reader(self.source, left, self.labeller, self.rules.batch_size, self.shares)
        writing = Writing(self._write, self.shares)
        threads = self.shares.readers
        try:
            with Prefetch(reader.read, 0, threads=threads, ahead=threads + 1) as ahead:
                while True:
                    read = ahead.take()
                    self.shares.for_reading.seconds = ahead.waited_s
                    if read is None:
                        break
                    if done := self._look(read):
                        writing.put(done)
                    for each in writing.rest() if signals.stop_asked() else writing.written():
                        self._count(each)
                    self.pieces.commit_when_due()
            for each in writing.rest():
                self._count(each)
        finally:
            writing.close()
            self.shares.stop()

    def finish(self) -> None:
        """Scores the labels, shows some, and says done."""
        job, done = self.job, [clip for clip in self.clips if self._is_done(clip)]
        job.events.busy("scoring")
        labeller = self.labeller
        about = {"name": labeller.name, "sha256": labeller.digest, "models": list(labeller.models)}
        body = {"labeller": about, "unit": "millimetre", "cameras": list(self.source.cameras)}
        (self.folder / "labels.json").write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n")
        quality = {clip: self._about(clip) for clip in done}
        write_quality(self.folder / file_of(job.shard, job.shards), quality, self.rules.limits)
        results = {} if self.truth is None else score(self.folder, done, self.truth)
        if done:
            show(job.sample_path("labels.png"), self.folder, self.source, done, self.truth)
            what = "input, pseudo depth" + (", true depth" if self.truth else "")
            job.events.sample("labels", "samples/labels.png", f"demonstrations: {what}")
        for name, value in self.shares.metrics().items():
            job.events.metric(name, value)
        summary = f"{len({c.episode for c in done})} episodes, {sum(c.frames for c in done):,} frames"
        if isinstance(absrel := results.get("label.absrel"), float):
            summary += f", absrel {absrel:.2f}"
        if self.flagged:
            summary += f", {self.flagged} of {len(done)} clips flagged"
        job.events.artifact("labels", summary)
        results["label.flagged"] = {"k": self.flagged, "n": len(done)}
        job.events.done(results, f"{summary}; {self.shares.limit()}")

    def _look(self, read: Read) -> Done | None:
        """One batch; the labels of its clip when it was the last of it."""
        if read.error is not None:
            self._broken.add(read.clip)
            self.skips.add(f"episode {read.clip.episode}", read.error)
        if read.clip in self._broken:
            self._work = None
            return None
        assert read.batch is not None
        assert read.look is not None
        with self.shares.looking.running():
            if self._work is None:
                size = size_of(read.batch.images.shape[1:3], self.rules.size)
                clip = read.clip
                self._work = ClipWork(self.labeller, clip.episode, clip.camera, clip.frames, size)
            done = self._work.add(read.batch, read.look())
        self.shares.frames += len(read.batch.frames)
        if done is not None:
            self._work = None
        return done

    def _write(self, done: Done) -> None:
        """In the thread that writes."""
        flags = done.quality.flags(self.rules.limits)
        about = About(self.labeller.digest, self.labeller.models, {**done.quality.to_json(), "flags": flags})
        depth, sure = done.depth, done.confidence
        if flags and self.rules.leave_out:
            depth, sure = np.zeros_like(depth), None
        if flags:
            depth_panel(self.job.sample_path(_picture(done)), *done.shown)
        write_clip(self.folder, done.episode, done.camera, depth, about, sure)

    def _count(self, done: Done) -> None:
        """A clip that is written."""
        job, path = self.job, name_of(done.episode, done.camera)
        self.pieces.add(path, [path])
        job.events.progress(self.pieces.count, len(self.clips), "clips")
        flags = done.quality.flags(self.rules.limits)
        if not flags:
            return
        self.flagged += 1
        where = f"episode {done.episode}, {done.camera}"
        if self.flagged <= PICTURES:
            columns = "input, label" + (", the metric map" if done.shown[2] is not None else "")
            job.events.sample(
                f"flagged.{done.episode}.{done.camera}",
                f"samples/{_picture(done)}",
                f"{where}: {'; '.join(flags)} ({columns})",
            )
        if self.flagged > self.rules.flagged_share * len(self.clips):
            raise WorkerError(
                "LABELS_POOR",
                f"{self.flagged} of {len(self.clips)} clips are flagged, more than {self.rules.flagged_share:.3g} of "
                f"them; the last is {where}: {flags[0]}",
                hint="look at the samples `flagged.*`; `flagged_share` allows more, and the gates are settings",
                exit_code=DATA_ERROR,
            )

    def _is_done(self, clip: ClipOf) -> bool:
        return name_of(clip.episode, clip.camera) in self.pieces.done

    def _about(self, clip: ClipOf) -> About:
        return open_clip(self.folder, clip.episode, clip.camera).about


def size_of(picture: tuple[int, ...], shorter: int) -> tuple[int, int]:
    """Height and width of labels of a picture (height, width): the same view, its shorter side so long."""
    height, width = picture
    if shorter == 0:
        return height, width
    scale = shorter / min(height, width)
    return round(height * scale), round(width * scale)


def _picture(done: Done) -> str:
    return f"flagged/{Path(name_of(done.episode, done.camera)).with_suffix('.png')}"


def thresholds(config: object) -> Thresholds:
    """Those that a config has fields for."""
    names = [field.name for field in dataclasses.fields(Thresholds)]
    return Thresholds(**{name: getattr(config, name) for name in names})
