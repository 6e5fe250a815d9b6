from dataclasses import dataclass
from typing import Literal

import jsonschema
import pytest

from depthvla.runtime.config import Json, read_config, schema_of, setting
from depthvla.runtime.failure import CONFIG, WorkerError


@dataclass(frozen=True)
class Sample:
    kind: Literal["a", "b"] = setting("a", "which")
    steps: int = setting(3, "how many", minimum=1)
    rate: float = setting(0.5, "how fast", above=0, maximum=1)
    tasks: list[str] = setting(["x"], "what")
    limit: float | None = setting(None, "or none")
    deep: bool = setting(False, "whether")


GOOD: list[dict[str, Json]] = [
    {},
    {"kind": "b", "steps": 1, "rate": 1, "tasks": [], "limit": 2.5, "deep": True},
    {"steps": 1e3},
    {"limit": None},
]
BAD: list[tuple[dict[str, Json], str]] = [
    ({"kind": "c"}, "kind: expected one of 'a', 'b', found 'c'"),
    ({"steps": 0}, "steps: expected an integer ≥ 1, found 0"),
    ({"steps": 1.5}, "steps: expected an integer, found 1.5"),
    ({"steps": True}, "steps: expected an integer, found True"),
    ({"rate": 0}, "rate: expected a number > 0"),
    ({"rate": 2}, "rate: expected a number ≤ 1"),
    ({"tasks": [1]}, "tasks: expected a string"),
    ({"tasks": "x"}, "tasks: expected a list"),
    ({"limit": "x"}, "limit: expected a number or expected null"),
    ({"deep": 1}, "deep: expected true or false"),
    ({"step": 1}, "step: no such setting"),
]


@pytest.mark.parametrize("values", GOOD)
def test_what_the_worker_reads_the_schema_allows(values: dict[str, Json]) -> None:
    jsonschema.validate(values, schema_of(Sample), jsonschema.Draft202012Validator)
    read_config(Sample, values)


@pytest.mark.parametrize(("values", "problem"), BAD)
def test_what_the_worker_refuses_the_schema_refuses_too(values: dict[str, Json], problem: str) -> None:
    assert not jsonschema.Draft202012Validator(schema_of(Sample)).is_valid(values)
    with pytest.raises(WorkerError) as caught:
        read_config(Sample, values)
    assert problem in caught.value.message
    assert (caught.value.code, caught.value.exit_code) == ("CONFIG_INVALID", CONFIG)


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(WorkerError) as caught:
        read_config(Sample, {"steps": 0, "rat": 1, "kind": 3})
    assert caught.value.message.count(";") == 2


def test_defaults_are_filled_in_and_lists_are_not_shared() -> None:
    first, second = read_config(Sample, {}), read_config(Sample, {})
    assert first == Sample()
    first.tasks.append("y")
    assert second.tasks == ["x"]


def test_the_schema_says_defaults_bounds_and_meaning() -> None:
    properties = schema_of(Sample)["properties"]
    assert isinstance(properties, dict)
    assert properties["steps"] == {"type": "integer", "minimum": 1, "description": "how many", "default": 3}
    assert properties["kind"] == {"enum": ["a", "b"], "description": "which", "default": "a"}
