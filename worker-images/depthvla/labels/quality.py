"""`quality.json`: what the gates found, and which clips they flagged."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from depthvla.labels.gates import Thresholds
from depthvla.labels.reading import ClipOf
from depthvla.labels.sidecar import About
from depthvla.runtime.config import Json
from depthvla.runtime.failure import WorkerError


def file_of(shard: int, shards: int) -> str:
    """Shards write into one folder."""
    return "quality.json" if shards == 1 else f"quality.{shard}-of-{shards}.json"


def is_flagged(about: About) -> bool:
    return bool(about.quality.get("flags"))


def write_quality(path: Path, clips: Mapping[ClipOf, About], limits: Thresholds) -> None:
    """Writes the measures of all clips, those that were flagged with the reasons."""
    rows: list[Json] = [
        {"episode": clip.episode, "camera": clip.camera, "frames": clip.frames, **about.quality}
        for clip, about in clips.items()
    ]
    flagged = [row for (_, about), row in zip(clips.items(), rows, strict=True) if is_flagged(about)]
    body: dict[str, Json] = {
        "thresholds": dataclasses.asdict(limits),
        "clips": len(rows),
        "flagged": flagged,
        "measures": rows,
    }
    path.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_quality(folder: Path) -> dict[str, Any]:
    """All shards' together.

    Raises:
        WorkerError: LABELS_INVALID.
    """
    parts = []
    for path in sorted(folder.glob("quality*.json")):
        try:
            parts.append(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise WorkerError("LABELS_INVALID", f"{path} can't be read: {error}") from error
    if not parts:
        raise WorkerError("LABELS_INVALID", f"{folder} has no quality.json")

    def by_place(name: str) -> list[dict[str, Any]]:
        return sorted((row for part in parts for row in part[name]), key=lambda row: (row["episode"], row["camera"]))

    return {
        "thresholds": parts[0]["thresholds"],
        "clips": sum(part["clips"] for part in parts),
        "flagged": by_place("flagged"),
        "measures": by_place("measures"),
    }
