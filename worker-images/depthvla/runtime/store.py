"""The object store, as a worker sees it: files in and out, and one conditional write. Folders and S3."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import LocalStore, ObjectStore, S3Store

from depthvla.runtime.failure import WorkerError
from depthvla.runtime.job import StoreAddress

if TYPE_CHECKING:
    from obstore.store import S3Config

CHUNK = 8 * 1024 * 1024


@dataclass(frozen=True)
class FileEntry:
    """A file of a checkpoint: its place beside the manifest, its size in bytes, its SHA-256."""

    path: str
    size: int
    sha256: str


def open_store(address: StoreAddress) -> ObjectStore:
    """Opens the store; credentials come from the environment (AWS_*)."""
    if address.url.startswith("file:"):
        return LocalStore.from_url(address.url, mkdir=True)
    config: S3Config = {"conditional_put": "etag"}
    if address.region:
        config["region"] = address.region
    if address.endpoint:
        # Gateways other than Amazon's answer under a path, and in a laboratory often without TLS.
        config["endpoint"] = address.endpoint
        config["virtual_hosted_style_request"] = False
    plain = bool(address.endpoint and address.endpoint.startswith("http:"))
    return S3Store.from_url(address.url, config=config, client_options={"allow_http": plain})


def describe_file(path: Path, name: str) -> FileEntry:
    """Size and SHA-256 of a file that will lie under `name`."""
    digest = hashlib.sha256()
    with path.open("rb") as f:
        while chunk := f.read(CHUNK):
            digest.update(chunk)
    return FileEntry(name, path.stat().st_size, digest.hexdigest())


def upload(store: ObjectStore, key: str, path: Path) -> None:
    """Copies a file in; large ones in parts."""
    if path.stat().st_size == 0:
        obstore.put(store, key, b"")
    else:
        obstore.put(store, key, path)


def download(store: ObjectStore, key: str, path: Path, expected: FileEntry) -> None:
    """Copies an object out and verifies it.

    Raises:
        WorkerError: CHECKPOINT_BROKEN when it is missing, or its size or hash differs.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("wb") as f:
            for chunk in obstore.get(store, key).stream(min_chunk_size=CHUNK):
                f.write(chunk)
                digest.update(chunk)
                size += len(chunk)
    except FileNotFoundError as error:
        raise WorkerError("CHECKPOINT_BROKEN", f"{key} is missing") from error
    if size != expected.size:
        raise WorkerError("CHECKPOINT_BROKEN", f"{key} has {size} bytes, its manifest says {expected.size}")
    if digest.hexdigest() != expected.sha256:
        raise WorkerError("CHECKPOINT_BROKEN", f"{key} does not have the SHA-256 that its manifest says")


def create(store: ObjectStore, key: str, body: bytes) -> None:
    """Writes an object only if there is none.

    Raises:
        WorkerError: CHECKPOINT_EXISTS when another has written it.
    """
    try:
        obstore.put(store, key, body, mode="create")
    except AlreadyExistsError as error:
        # A retried request may meet its own first write.
        if bytes(obstore.get(store, key).bytes()) != body:
            raise WorkerError("CHECKPOINT_EXISTS", f"{key} was already written by another attempt") from error
