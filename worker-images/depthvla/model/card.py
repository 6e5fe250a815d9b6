"""The page that lies beside a policy: what it takes and gives, what made it, how to run it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from depthvla.model.config import ModelConfig
from depthvla.runtime.config import Json

FILE = "README.md"
_SHOWN = 10


def write_card(
    folder: Path,
    config: ModelConfig,
    *,
    cameras: Sequence[str],
    instructions: Sequence[str],
    extra: Mapping[str, Json],
    digest: str,
) -> None:
    """Writes `README.md` as Hugging Face shows it: a header in YAML, then Markdown."""
    shown = [f"- {sentence}" for sentence in instructions[:_SHOWN]]
    if len(instructions) > _SHOWN:
        shown.append(f"- … and {len(instructions) - _SHOWN:,} more")
    size = config.image
    lines = [
        "---",
        "library_name: depthvla",
        "pipeline_tag: robotics",
        "tags: [vision-language-action, depth]",
        "---",
        "",
        "# A DepthVLA policy",
        "",
        "| | |",
        "|---|---|",
        f"| architecture | {'DepthVLA' if config.depth else 'without the depth expert (π0)'}"
        f"{', blind' if extra['blind'] else ''} |",
        f"| cameras | {', '.join(f'`{name}`' for name in cameras)}: {size} × {size}, RGB |",
        f"| state | {config.state} dimensions, in the units of its data |",
        f"| actions | chunks of {config.horizon}, {config.actions} dimensions, in the units of its data |",
        f"| weights | `{digest}` |",
        f"| statistics | `{extra['statistics_sha256']}` |",
        "",
        "## What it was asked to do",
        "",
        *shown,
        "",
        "## What made it",
        "",
        "```json",
        json.dumps(extra["made"], indent=2, ensure_ascii=False),
        "```",
        "",
        "## Use",
        "",
        "```python",
        "from depthvla.model.policy import Policy",
        "",
        'policy = Policy.load("this-folder")',
        "```",
        "",
        "or `python -m depthvla.serve this-folder`, which answers openpi's clients.",
        "",
        "Files are checked against the SHA-256s in `config.json`: what was changed is refused.",
        "",
    ]
    (folder / FILE).write_text("\n".join(lines), encoding="utf-8")
