"""Configs are frozen dataclasses: read from JSON with every problem named at once, and described as JSON Schema.

Nothing here imports torch, so that `describe` and a mistake in a config answer at once.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping, Sequence
from typing import TypeVar

from depthvla.runtime.failure import CONFIG, WorkerError

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
T = TypeVar("T")
C = TypeVar("C")


def setting(
    default: T,
    description: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> T:
    """A field of a config: its default, what it means, and its bounds (`above` and `below` are exclusive)."""
    bounds = {"minimum": minimum, "maximum": maximum, "exclusiveMinimum": above, "exclusiveMaximum": below}
    metadata = {"description": description, "bounds": {k: v for k, v in bounds.items() if v is not None}}
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: list(default), metadata=metadata)  # type: ignore[return-value]
    return dataclasses.field(default=default, metadata=metadata)


def schema_of(cls: type) -> dict[str, Json]:
    """JSON Schema (2020-12) of a config: types, enums, bounds, defaults and descriptions."""
    hints = typing.get_type_hints(cls)
    properties: dict[str, Json] = {}
    required: list[str] = []
    for f in dataclasses.fields(cls):
        prop: dict[str, Json] = {**_schema(hints[f.name]), **_bounds(f)}
        if "description" in f.metadata:
            prop["description"] = f.metadata["description"]
        default = _default(f)
        if default is dataclasses.MISSING:
            required.append(f.name)
        else:
            prop["default"] = typing.cast(Json, default)
        properties[f.name] = prop
    out: dict[str, Json] = {"type": "object", "additionalProperties": False, "properties": properties}
    if required:
        out["required"] = required
    return out


def read_config(cls: type[C], values: Mapping[str, Json]) -> C:
    """Makes a config of JSON values.

    Raises:
        WorkerError: CONFIG_INVALID, naming every unknown key, wrong type and broken bound.
    """
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    problems = [f"{name}: no such setting" for name in values if name not in fields]
    made: dict[str, object] = {}
    for name, f in fields.items():
        if name not in values:
            if _default(f) is dataclasses.MISSING:
                problems.append(f"{name}: missing")
            continue
        value, problem = _check(values[name], hints[name], _bounds(f))
        if problem:
            problems.append(f"{name}: {problem}, found {values[name]!r}")
        else:
            made[name] = value
    if problems:
        raise WorkerError("CONFIG_INVALID", "; ".join(problems), hint="mend `with:` of the stage", exit_code=CONFIG)
    return cls(**made)


def _default(f: dataclasses.Field[object]) -> object:
    if f.default_factory is not dataclasses.MISSING:
        return f.default_factory()
    return f.default


def _bounds(f: dataclasses.Field[object]) -> dict[str, float]:
    return typing.cast("dict[str, float]", f.metadata.get("bounds", {}))


def _schema(hint: object) -> dict[str, Json]:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return {"enum": list(args)}
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [_schema(a) for a in args]}
    if origin is list:
        return {"type": "array", "items": _schema(args[0])}
    names: dict[object, str] = {
        bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"
    }  # fmt: skip
    return {"type": names[hint]}


def _check(value: object, hint: object, bounds: Mapping[str, float]) -> tuple[object, str | None]:
    """The value as the hinted type, or what was expected instead."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return (value, None) if value in args else (None, f"expected one of {', '.join(map(repr, args))}")
    if origin in (types.UnionType, typing.Union):
        tried = [_check(value, a, bounds) for a in args]
        return next((t for t in tried if t[1] is None), (None, " or ".join(str(t[1]) for t in tried)))
    if origin is list:
        if not isinstance(value, list):
            return None, "expected a list"
        items = [_check(v, args[0], bounds) for v in value]
        return [v for v, _ in items], next((p for _, p in items if p), None)
    if hint is type(None):
        return None, None if value is None else "expected null"
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if hint is int and isinstance(value, float) and value.is_integer():
        value = int(value)  # JSON has one kind of number: 1e3 is an integer too
    expected = {bool: "true or false", int: "an integer", float: "a number", str: "a string"}[typing.cast(type, hint)]
    if not isinstance(value, typing.cast(type, hint)) or (hint is int and isinstance(value, bool)):
        return None, f"expected {expected}"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value, _outside(value, expected, bounds)
    return value, None


def _outside(value: float, expected: str, bounds: Mapping[str, float]) -> str | None:
    if not math.isfinite(value):
        return f"expected {expected}"
    if "minimum" in bounds and value < bounds["minimum"]:
        return f"expected {expected} ≥ {bounds['minimum']:g}"
    if "maximum" in bounds and value > bounds["maximum"]:
        return f"expected {expected} ≤ {bounds['maximum']:g}"
    if "exclusiveMinimum" in bounds and value <= bounds["exclusiveMinimum"]:
        return f"expected {expected} > {bounds['exclusiveMinimum']:g}"
    if "exclusiveMaximum" in bounds and value >= bounds["exclusiveMaximum"]:
        return f"expected {expected} < {bounds['exclusiveMaximum']:g}"
    return None
