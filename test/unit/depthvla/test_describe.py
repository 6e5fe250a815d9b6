import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

import depthvla
from depthvla.describe import FOLDER, describe, text

SCHEMAS = Path(__file__).parents[3] / "orchestrator" / "protocol" / "schema"
ENTRIES = describe()["entries"]
assert isinstance(ENTRIES, dict)


def test_the_committed_description_is_current() -> None:
    assert (FOLDER / "worker.json").read_text() == text(), "run `python -m depthvla.describe`"


def test_describing_imports_neither_torch_nor_mujoco() -> None:
    code = "import sys; from depthvla.describe import text; text(); print({'torch', 'mujoco'} & {*sys.modules})"
    made = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True, check=True
    )
    assert made.stdout.strip() == "set()"


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_an_entry_is_described_in_full(name: str) -> None:
    entry = ENTRIES[name]
    assert isinstance(entry, dict)
    jsonschema.Draft202012Validator.check_schema(entry["config"])
    settings = entry["config"]["properties"]
    assert all("description" in s and "default" in s for s in settings.values())
    jsonschema.validate({k: s["default"] for k, s in settings.items()}, entry["config"])
    assert entry["description"].endswith(".")
    assert entry["outputs"]
    assert entry["modules"] == ["depthvla.__main__", f"depthvla.stages.{name}"]
    assert all((Path(depthvla.__file__).parents[1] / (m.replace(".", "/") + ".py")).exists() for m in entry["modules"])


def test_the_locks_pin_exactly_and_name_no_place() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        rows = [r for r in (FOLDER / name).read_text().splitlines() if not r.startswith("#")]
        assert all(len(r.split("==")) == 2 and "://" not in r and "@" not in r for r in rows)
        assert len({r.split("==")[0].lower() for r in rows}) == len(rows)


def test_the_description_is_what_the_control_plane_reads() -> None:
    schema = json.loads((SCHEMAS / "worker-description.json").read_text())
    jsonschema.validate(json.loads(text()), schema, jsonschema.Draft202012Validator)
