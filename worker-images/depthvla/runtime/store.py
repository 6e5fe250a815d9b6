"""The object store, as a worker sees it: files in and out, and one conditional write. Folders and S3.

Every call is bounded, and what goes wrong with the store has one of three names, STORE_UNREACHABLE, STORE_DENIED and
STORE_FULL: only a store that answers can say that an object is missing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import posixpath
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import LocalStore, ObjectStore, S3Store

from depthvla.runtime.failure import TRY_AGAIN, WorkerError, is_full
from depthvla.runtime.job import StoreAddress

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import ClientConfig, RetryConfig, S3Config

T = TypeVar("T")

CHUNK = 8 * 1024 * 1024

PATIENCE_S = float(os.environ.get("ORCHESTRATE_STORE_PATIENCE", "60"))
"""Seconds for which a call that gets no answer, or a broken one, is tried again."""
SILENCE_S = PATIENCE_S / 2
"""Seconds without an answer, or without a byte of it, after which one try is given up. A part of a large upload
(5 MiB, four at a time) must fit in. A call against a silent store fails within `PATIENCE_S + SILENCE_S`."""
CONNECT_S = min(5.0, SILENCE_S)
WHOLE = timedelta(hours=6)
"""For all of a download that does make progress."""


@dataclass(frozen=True)
class FileEntry:
    """A file of a checkpoint: its place beside the manifest, its size in bytes, its SHA-256."""

    path: str
    size: int
    sha256: str


def open_store(address: StoreAddress) -> ObjectStore:
    """Opens the store; credentials come from the environment (AWS_*).

    Raises:
        WorkerError: STORE_*.
    """
    if address.url.startswith("file:"):
        with _trouble(address.url):
            return LocalStore.from_url(address.url, mkdir=True)
    config: S3Config = {"conditional_put": "etag"}
    if address.region:
        config["region"] = address.region
    if address.endpoint:
        # Gateways other than Amazon's answer under a path, and in a laboratory often without TLS.
        config["endpoint"] = address.endpoint
        config["virtual_hosted_style_request"] = False
    client: ClientConfig = {
        "allow_http": bool(address.endpoint and address.endpoint.startswith("http:")),
        "connect_timeout": timedelta(seconds=CONNECT_S),
        "read_timeout": timedelta(seconds=SILENCE_S),
        "timeout": WHOLE,
    }
    retry: RetryConfig = {
        # As many as there is time for.
        "max_retries": 1000,
        "retry_timeout": timedelta(seconds=PATIENCE_S),
        "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5), "base": 2},
    }
    return S3Store.from_url(address.url, config=config, client_options=client, retry_config=retry)


def open_source(address: StoreAddress) -> ObjectStore:
    """Opens a store to read from: a folder that isn't there is not made.

    Raises:
        WorkerError: STORE_*.
    """
    if not address.url.startswith("file:"):
        return open_store(address)
    folder = Path(unquote(urlsplit(address.url).path))
    if not folder.is_dir():
        raise _named("STORE_UNREACHABLE", f"{folder} is not there: it may not be mounted")
    return LocalStore(folder)


def describe_file(path: Path, name: str) -> FileEntry:
    """Size and SHA-256 of a file that will lie under `name`."""
    digest = hashlib.sha256()
    with path.open("rb") as f:
        while chunk := f.read(CHUNK):
            digest.update(chunk)
    return FileEntry(name, path.stat().st_size, digest.hexdigest())


def upload(store: ObjectStore, key: str, path: Path) -> None:
    """Copies a file in; large ones in parts.

    Raises:
        WorkerError: STORE_*.
    """
    with _trouble(key):
        if path.stat().st_size == 0:
            obstore.put(store, key, b"")
        else:
            obstore.put(store, key, path, max_concurrency=4)


def download(store: ObjectStore, key: str, path: Path, expected: FileEntry) -> None:
    """Copies an object out and verifies it.

    Raises:
        WorkerError: CHECKPOINT_BROKEN when it is missing, or its size or hash differs; STORE_*.
        OSError: what is wrong with the disk that it is written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as f:
        for chunk in _chunks(store, key):
            f.write(chunk)
            digest.update(chunk)
            size += len(chunk)
    if size != expected.size:
        raise WorkerError("CHECKPOINT_BROKEN", f"{key} has {size} bytes, its manifest says {expected.size}")
    if digest.hexdigest() != expected.sha256:
        raise WorkerError("CHECKPOINT_BROKEN", f"{key} does not have the SHA-256 that its manifest says")


def read(store: ObjectStore, key: str) -> bytes:
    """A small object.

    Raises:
        WorkerError: CHECKPOINT_BROKEN when it is missing; STORE_*.
    """
    return b"".join(_chunks(store, key))


class Changed(Exception):
    """An object is not the one that it was; the message says how."""


def read_range(store: ObjectStore, key: str, start: int, end: int, size: int, version: str | None) -> bytes:
    """Bytes of an object that should have `size` of them, and be of that version where one is given.

    Raises:
        FileNotFoundError: when there is no such object.
        Changed: when it has another size or version.
        WorkerError: STORE_*.
    """

    def attempt() -> bytes:
        with _there(store), _trouble(key):
            try:
                asked: GetOptions = {"range": (start, end)}
                if version:
                    asked["if_match"] = version
                found = obstore.get(store, key, options=asked)
                if found.meta["size"] != size:
                    raise Changed(f"has {found.meta['size']:,} bytes in the store, expected {size:,}")
                return bytes(found.bytes())
            except PreconditionError as error:
                raise Changed("was replaced in the store while it was read") from error

    return _patiently(attempt)


def list_folder(store: ObjectStore, folder: str) -> tuple[list[str], list[tuple[str, int, str | None]]]:
    """What lies in a folder: the names of folders; names, sizes and versions of files. Nothing where there is none.

    Raises:
        WorkerError: STORE_*.
    """

    def attempt() -> tuple[list[str], list[tuple[str, int, str | None]]]:
        with _there(store), _trouble(folder):
            found = obstore.list_with_delimiter(store, folder or None)
            if not found["objects"] and not found["common_prefixes"] and _is_away(store):
                raise FileNotFoundError(folder)
            files = [(posixpath.basename(o["path"]), o["size"], o["e_tag"]) for o in found["objects"]]
            return [posixpath.basename(name) for name in found["common_prefixes"]], files

    return _patiently(attempt)


def copy(store: ObjectStore, source: str, target: str) -> None:
    """Copies an object inside the store.

    Raises:
        WorkerError: CHECKPOINT_BROKEN when it is missing; STORE_*.
    """
    with _missing(store, source), _trouble(source):
        obstore.copy(store, source, target)


def create(store: ObjectStore, key: str, body: bytes) -> None:
    """Writes an object only if there is none.

    Raises:
        WorkerError: CHECKPOINT_EXISTS when another has written it; STORE_*.
    """

    def attempt() -> None:
        with _trouble(key):
            try:
                obstore.put(store, key, body, mode="create")
            except AlreadyExistsError as error:
                # A retried request may meet its own first write.
                if bytes(obstore.get(store, key).bytes()) != body:
                    raise WorkerError("CHECKPOINT_EXISTS", f"{key} was already written by another attempt") from error

    # The client doesn't repeat a conditional write that got no answer, since it can't know whose write a refusal meets.
    _patiently(attempt)


def remove(store: ObjectStore, key: str) -> None:
    """Deletes an object; one that isn't there is fine.

    Raises:
        WorkerError: STORE_*.
    """
    with contextlib.suppress(FileNotFoundError), _trouble(key):
        obstore.delete(store, key)


def _chunks(store: ObjectStore, key: str) -> Iterator[bytes]:
    # A body that breaks off goes on from where it was: the client asks for the rest.
    with _missing(store, key), _trouble(key):
        for chunk in obstore.get(store, key).stream(min_chunk_size=CHUNK):
            yield bytes(chunk)


def _patiently(work: Callable[[], T]) -> T:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return work()
        except WorkerError as error:
            if error.code != "STORE_UNREACHABLE" or time.monotonic() >= until:
                raise
            time.sleep(0.5)


@contextmanager
def _missing(store: ObjectStore, key: str) -> Iterator[None]:
    """Inside, an object that isn't there is a broken checkpoint; but not when it is the store that isn't there."""
    try:
        with _there(store):
            yield
    except FileNotFoundError as error:
        raise WorkerError("CHECKPOINT_BROKEN", f"{key} is missing") from error


@contextmanager
def _there(store: ObjectStore) -> Iterator[None]:
    """Inside, an object that isn't there is only missing where the store itself is there."""
    try:
        yield
    except FileNotFoundError as error:
        if _is_away(store):
            root = store.prefix if isinstance(store, LocalStore) else store
            raise _named("STORE_UNREACHABLE", f"{root} is not there, or empty: it may not be mounted") from error
        raise


def _is_away(store: ObjectStore) -> bool:
    root = Path(store.prefix) if isinstance(store, LocalStore) and store.prefix else None
    return root is not None and not (root.is_dir() and any(root.iterdir()))


@contextmanager
def _trouble(where: str) -> Iterator[None]:
    """Gives what goes wrong with the store inside its name. FileNotFoundError is an answer, not trouble."""
    try:
        yield
    except AlreadyExistsError:
        raise
    except (BaseError, OSError) as error:
        said = str(error).split("\n\nDebug source", 1)[0].strip()
        where = where or "the store"
        if is_full(error) or re.search(r"\b507\b|<Code>(QuotaExceeded|InsufficientStorage|XMinioStorageFull)<", said):
            raise _named("STORE_FULL", f"{where}: {said}") from error
        if isinstance(error, FileNotFoundError) and "<Code>NoSuchBucket<" not in said:
            raise
        if isinstance(error, (FileNotFoundError, PermissionDeniedError, UnauthenticatedError, PermissionError)):
            raise _named("STORE_DENIED", f"{where}: {said}") from error
        # Read-only file system; any answer that says that the request itself is at fault.
        if re.search(r"\(os error (1|13|30)\)|status code: 4(?!08|29)\d\d", said):
            raise _named("STORE_DENIED", f"{where}: {said}") from error
        raise _named("STORE_UNREACHABLE", f"{where}: {said}") from error


_HINTS = {
    "STORE_UNREACHABLE": "check the store's endpoint, its network or its mount",
    "STORE_DENIED": "check the bucket, the credentials and what they may do",
    "STORE_FULL": "free some space in the store; what was committed is unharmed",
}


def _named(code: str, message: str) -> WorkerError:
    return WorkerError(code, message, hint=_HINTS[code], exit_code=TRY_AGAIN)
