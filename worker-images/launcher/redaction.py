"""Strikes secret values out of what ranks say."""

import os

from launcher.quick import read_json

MARK = b"[redacted]"


def read_secrets(directory: str) -> list[bytes]:
    """The values in secrets.json, as they are and as JSON writes them, longest first; none where there is no file."""
    try:
        with open(f"{directory}/secrets.json", encoding="utf-8") as file:
            fields = read_json(file.read())
    except FileNotFoundError:
        return []
    texts = [value for value in fields.values() if isinstance(value, str)] if isinstance(fields, dict) else []
    forms = {form for text in texts for form in (text, text.replace("\\", "\\\\").replace('"', '\\"')) if form}
    return sorted((form.encode() for form in forms), key=len, reverse=True)


class Redaction:
    """For one stream: what may be the beginning of a secret is held back until the next piece tells."""

    def __init__(self, secrets: list[bytes]) -> None:
        self._secrets = secrets
        self._held = b""

    def take(self, data: bytes) -> bytes:
        if not self._secrets:
            return data
        data = self._held + data
        for secret in self._secrets:
            data = data.replace(secret, MARK)
        hold = max((_overlap(data, secret) for secret in self._secrets), default=0)
        self._held = data[len(data) - hold :]
        return data[: len(data) - hold]

    def rest(self) -> bytes:
        held, self._held = self._held, b""
        return held


def mask_file(path: str, secrets: list[bytes]) -> None:
    """Overwrites secrets in a file, each with as many asterisks: who reads it at the same time keeps its place."""
    if not secrets:
        return
    longest = len(secrets[0])
    fd = os.open(path, os.O_RDWR)
    try:
        at = 0
        while piece := os.pread(fd, (1 << 20) + longest, at):
            for secret in secrets:
                found = piece.find(secret)
                while found >= 0:
                    os.pwrite(fd, b"*" * len(secret), at + found)
                    found = piece.find(secret, found + 1)
            at += 1 << 20
    finally:
        os.close(fd)


def _overlap(data: bytes, secret: bytes) -> int:
    """How many bytes at the end of ``data`` may begin ``secret``."""
    for length in range(min(len(secret) - 1, len(data)), 0, -1):
        if secret.startswith(data[len(data) - length :]):
            return length
    return 0
