"""JSON and signals from the C modules that ``json`` and ``signal`` wrap.

Those wrappers import ``re`` and ``enum``: 12 ms before each attempt, more than all else that the launcher does.
"""

import _signal  # type: ignore[import-not-found]  # not in typeshed
import errno
import os

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

SIGHUP: int = _signal.SIGHUP
SIGINT: int = _signal.SIGINT
SIGQUIT: int = _signal.SIGQUIT
SIGKILL: int = _signal.SIGKILL
SIGUSR1: int = _signal.SIGUSR1
SIGUSR2: int = _signal.SIGUSR2
SIGPIPE: int = _signal.SIGPIPE
SIGTERM: int = _signal.SIGTERM
SIGCHLD: int = _signal.SIGCHLD
SIGXFSZ: int = _signal.SIGXFSZ


def ignore(*signals: int) -> None:
    """Processes started from now on ignore them too, until they install a handler."""
    for number in signals:
        _signal.signal(number, _signal.SIG_IGN)


def block(*signals: int) -> None:
    """Keeps what arrives for later: a blocked signal is pending, never lost."""
    _signal.pthread_sigmask(_signal.SIG_BLOCK, signals)


def unblock(*signals: int) -> None:
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, signals)


def deliver(*signals: int) -> int:
    """Unblocks the signals, and returns a file descriptor on which each arrives as one byte, its number."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    _signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for number in signals:
        _signal.signal(number, lambda _number, _frame: None)  # the byte is written only where there is a handler
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, signals)
    return read


def signal_name(number: int) -> str:
    """``SIGKILL`` for 9; real-time signals by number."""
    aliases = ("SIGIOT", "SIGCLD", "SIGPOLL")  # older names of SIGABRT, SIGCHLD, SIGIO
    for name, value in vars(_signal).items():
        if value == number and name.startswith("SIG") and not name.startswith("SIG_") and name not in aliases:
            return str(name)
    return f"SIG{number}"


class _Scanner:
    """What ``_json.make_scanner`` asks of the decoder that it belongs to."""

    strict = True
    object_hook = object_pairs_hook = array_hook = None
    parse_int = int
    parse_float = parse_constant = float
    memo: dict[str, str]

    def __init__(self) -> None:
        self.memo = {}


def read_json(text: str) -> Json:
    """Like ``json.loads``, which also answers for every text that this doesn't understand."""
    value: Json
    try:
        from _json import make_scanner

        text = text.strip()
        value, end = make_scanner(_Scanner())(text, 0)  # type: ignore[arg-type]  # duck-typed by attribute
        if end == len(text):
            return value
    except Exception:
        pass
    import json

    value = json.loads(text)
    return value


def write_json(path: str, value: Json) -> None:
    """Readers see the whole file or none. Fits into what `reserve_json` has set aside, if it was called."""
    temporary = f"{path}.tmp"
    fd = os.open(temporary, os.O_CREAT | os.O_WRONLY, 0o644)
    try:
        text = f"{dump_json(value)}\n".encode()
        if os.write(fd, text) < len(text):
            raise OSError(f"no space left for {path}")
        os.truncate(fd, len(text))
    finally:
        os.close(fd)
    os.replace(temporary, path)


def reserve_json(path: str, size: int) -> None:
    """Sets space aside for a later `write_json`, which then works on a disk that has filled up meanwhile."""
    fd = os.open(f"{path}.tmp", os.O_CREAT | os.O_WRONLY, 0o644)
    try:
        if os.write(fd, b" " * size) < size:
            raise OSError(errno.ENOSPC, "no space left", path)
    finally:
        os.close(fd)


def dump_json(value: Json) -> str:
    """One line; floats must be finite."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{dump_json(key)}: {dump_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(dump_json, value)) + "]"
    if isinstance(value, str):
        from _json import encode_basestring_ascii

        return encode_basestring_ascii(value)
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true" if value else "false"
    return repr(value)
