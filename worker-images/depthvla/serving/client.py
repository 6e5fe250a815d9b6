"""The robot's side of a policy server, ours or openpi's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from websockets.sync.client import ClientConnection, connect

from depthvla.runtime.failure import WorkerError
from depthvla.serving.wire import LARGEST, decode, encode


@dataclass(frozen=True)
class PolicyClient:
    """One connection.

    Attributes:
        metadata: what the server says of its policy: cameras, sizes, the fields of an observation.
    """

    metadata: Mapping[str, Any]
    _connection: ClientConnection

    def infer(self, observation: Mapping[str, object]) -> dict[str, Any]:
        """What to do next: `actions` ``[horizon, A]``, and how long that took.

        Raises:
            WorkerError: SERVER_REFUSED, with what the server said; the connection can be used again.
        """
        self._connection.send(encode(dict(observation)))
        reply = self._connection.recv()
        if isinstance(reply, str):
            raise WorkerError("SERVER_REFUSED", reply)
        return dict(decode(reply))


@contextmanager
def connected(url: str) -> Iterator[PolicyClient]:
    """A connection to a server such as ``ws://127.0.0.1:8000``."""
    with connect(url, compression=None, max_size=LARGEST) as connection:
        yield PolicyClient(decode(connection.recv()), connection)
