"""What the launcher reads of job.json; the whole of it is described in orchestrator/protocol/job-file.ts."""

import os

from launcher.quick import Json, read_json
from launcher.redaction import read_secrets


class Job:
    """The fields are named and meant as in job.json: ``grace`` and ``time`` in seconds, memory and logs in bytes."""

    def __init__(self, path: str) -> None:
        """Raises ValueError, with a sentence, for a file that a control plane of this protocol wouldn't write."""
        with open(path, encoding="utf-8") as file:
            fields = read_json(file.read())
        if not isinstance(fields, dict):
            raise ValueError(f"{path}: expected an object")
        if fields.get("protocol") != 1:
            raise ValueError(f"{path}: protocol {fields.get('protocol')}, but this launcher speaks protocol 1")
        self._path = path
        self._fields = fields
        self.attempt = self._text("attempt")
        self.code = self._text("code")
        self.command = self._texts("command")
        self.gpus = self._texts("gpus")
        self.ranks = self._count("ranks", 65_536)
        self.nodes = 1 if fields.get("nodes") is None else self._count("nodes", self.ranks)
        self.cores = self._count("cores", 65_536)
        self.grace = self._number("grace")
        self.time = None if fields.get("time") is None else self._number("time")
        self.memory = None if fields.get("memory") is None else self._count("memory", 1 << 60)
        self.log_bytes = self._count("logBytes", 1 << 40)
        self.secrets = read_secrets(os.path.dirname(path))

    def _text(self, name: str) -> str:
        value = self._fields.get(name)
        if not isinstance(value, str):
            raise self._wrong(name, "a string", value)
        return value

    def _texts(self, name: str) -> list[str]:
        value = self._fields.get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong(name, "a list of strings", value)
        return [str(item) for item in value]

    def _count(self, name: str, most: int) -> int:
        value = self._fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise self._wrong(name, f"a whole number from 1 to {most}", value)
        return value

    def _number(self, name: str) -> float:
        value = self._fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(name, "a number", value)
        return value

    def _wrong(self, name: str, expected: str, found: Json) -> ValueError:
        return ValueError(f"{self._path}: {name}: expected {expected}, found {found!r}")
