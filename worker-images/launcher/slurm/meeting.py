"""Whether every node reaches every other, and whether they can compute one sum together."""

import socket
import struct
import threading
import time
from array import array
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from launcher.quick import Json
from launcher.slurm.wire import Message

# Numbers that each node brings to the sum.
COUNT = 1024
MOST_AT_ONCE = 256


class Meeting:
    """A node's part. It listens from the beginning, so that all do when they are told of each other."""

    def __init__(self, first: str) -> None:
        """``first`` is an address of the first node: what reaches that is the way to the others too."""
        self.address = _own_address(first)
        self._server = socket.create_server(("", 0), backlog=4096)
        self.port: int = self._server.getsockname()[1]
        self._before: socket.socket | None = None
        self._arrived = threading.Event()

    def meet(self, message: Message, number: int, patience: float) -> tuple[list[int], str | None]:
        """Returns the numbers of the nodes that couldn't be reached, and else what went wrong with the sum."""
        peers, token = message["peers"], message["token"]
        assert isinstance(peers, list)
        assert isinstance(token, str)
        deadline = time.monotonic() + patience
        threading.Thread(target=self._welcome, args=(token.encode(), (number - 1) % len(peers)), daemon=True).start()
        others = [other for other in range(len(peers)) if other != number]
        # All at once: one that doesn't answer must not take the time of those that would.
        with ThreadPoolExecutor(min(len(others), MOST_AT_ONCE)) as threads:
            greet = partial(_greet, token=token.encode(), number=number, patience=patience / 2)
            reached = dict(zip(others, threads.map(greet, (peers[other] for other in others)), strict=True))
        unreached = [other for other, connection in reached.items() if connection is None]
        after = reached.pop((number + 1) % len(peers))
        for connection in reached.values():
            if connection is not None:
                connection.close()
        if unreached or after is None:
            return unreached, None
        return [], self._sum(after, number, len(peers), deadline)

    def _welcome(self, token: bytes, before: int) -> None:
        """Answers those who know the token; keeps the connection of the node before this one."""
        while True:
            connection, _ = self._server.accept()
            try:
                connection.settimeout(30)
                greeting = _take(connection, len(token) + 4)
                (other,) = struct.unpack("!I", greeting[len(token) :])
                if greeting[: len(token)] != token:
                    connection.close()
                    continue
                connection.sendall(b"!")
            except OSError:
                connection.close()
                continue
            if other == before and self._before is None:
                self._before = connection
                self._arrived.set()
            else:
                connection.close()

    def _sum(self, after: socket.socket, number: int, count: int, deadline: float) -> str | None:
        """Every node's numbers go round once, and each adds them up: an all-reduce."""
        passed = array("q", (i * (number + 1) for i in range(COUNT)))
        total = array("q", passed)
        try:
            if not self._arrived.wait(max(0.0, deadline - time.monotonic())) or self._before is None:
                return "was not reached by the node before it"
            after.settimeout(max(0.1, deadline - time.monotonic()))
            self._before.settimeout(max(0.1, deadline - time.monotonic()))
            for _ in range(count - 1):
                after.sendall(passed.tobytes())  # 8 KiB: fits into the socket, so that all can send first
                passed = array("q", _take(self._before, COUNT * passed.itemsize))
                total = array("q", (a + b for a, b in zip(total, passed, strict=True)))
        except OSError as error:
            return f"could not add up numbers with its neighbours: {error}"
        finally:
            after.close()
        whole = count * (count + 1) // 2
        return None if list(total) == [i * whole for i in range(COUNT)] else "added up numbers and was wrong"


def _greet(peer: Json, token: bytes, number: int, patience: float) -> socket.socket | None:
    """None when nobody answers there who knows the token."""
    assert isinstance(peer, list)
    address, port = peer
    assert isinstance(port, int)
    try:
        connection = socket.create_connection((str(address), port), timeout=patience)
    except OSError:
        return None
    try:
        connection.sendall(token + struct.pack("!I", number))
        _take(connection, 1)
        return connection
    except OSError:
        connection.close()
        return None


def _take(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise ConnectionError("the connection was closed")
        data += more
    return data


def _own_address(first: str) -> str:
    """By which others reach this node: that of its way to the first one. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.connect((first, 9))
        return str(way.getsockname()[0])
