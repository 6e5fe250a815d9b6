"""`python -m depthvla.describe` writes worker.json: what stages there are, and what each takes and gives."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

from depthvla.runtime.config import Json, schema_of
from depthvla.runtime.stage import Port, Stage, find_stage

FOLDER = Path(__file__).parent


def describe() -> dict[str, Json]:
    """The description of this worker package (orchestrator/protocol/worker-description.ts)."""
    names = sorted(p.stem for p in (FOLDER / "stages").glob("*.py") if p.stem != "__init__")
    return {
        "protocol": 1,
        "name": "depthvla",
        "command": ["python", "-m", "depthvla"],
        "package": "depthvla",
        "lock": "requirements.lock",
        "entries": {name: _entry(name, find_stage(name)) for name in names},
    }


def text() -> str:
    return json.dumps(describe(), indent=2, ensure_ascii=False) + "\n"


def _entry(name: str, stage: Stage[object]) -> dict[str, Json]:
    return {
        "description": (inspect.getdoc(stage.body) or "").split("\n\n")[0].replace("\n", " "),
        "config": schema_of(stage.config),
        "inputs": {k: {**_port(p), **_reading(p)} for k, p in stage.inputs.items()},
        "outputs": {k: _port(p) for k, p in stage.outputs.items()},
        "modules": ["depthvla.__main__", f"depthvla.stages.{name}"],
        "shardable": stage.shardable,
        "distributed": stage.distributed,
    }


def _reading(port: Port) -> dict[str, Json]:
    flags = {"streams": port.streams, "several": port.several}
    return {"required": port.required, **{name: True for name, on in flags.items() if on}}


def _port(port: Port) -> dict[str, Json]:
    return {**({"format": port.format} if port.format else {}), "description": port.description}


if __name__ == "__main__":
    (FOLDER / "worker.json").write_text(text(), encoding="utf-8")
