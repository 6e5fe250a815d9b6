"""What the launcher reads of batch.json; the whole of it is described in orchestrator/protocol/batch-file.ts."""

from launcher.quick import Json, read_json


class Batch:
    """The fields are named and meant as in batch.json: disk in bytes, times in seconds."""

    def __init__(self, directory: str) -> None:
        """Raises ValueError, with a sentence, for a file that a control plane of this protocol wouldn't write."""
        path = f"{directory}/batch.json"
        with open(path, encoding="utf-8") as file:
            fields = read_json(file.read())
        if not isinstance(fields, dict) or fields.get("protocol") != 1:
            raise ValueError(f"{path}: this launcher speaks protocol 1")
        try:
            self.launcher = _texts(fields["launcher"])
            self.srun = _texts(fields["srun"])
            self.prefix = _texts(fields["prefix"])
            self.gpus = int(_number(fields["gpus"]))
            self.silence = _number(fields["silence"])
            check = fields["preflight"]
            assert isinstance(check, dict)
            self.check = None if check["kind"] == "off" else Check(check)
        except (AssertionError, KeyError, TypeError) as error:
            raise ValueError(f"{path}: not as this launcher knows it: {error!r}") from None


class Check:
    def __init__(self, fields: dict[str, Json]) -> None:
        self.disk = int(_number(fields["disk"]))
        self.skew = _number(fields["skew"])
        self.patience = _number(fields["patience"])
        self.command = _texts(fields["command"]) if fields["kind"] == "ranks" else None


def _texts(value: Json) -> list[str]:
    assert isinstance(value, list)
    return [str(item) for item in value]


def _number(value: Json) -> float:
    assert isinstance(value, int | float)
    return value
