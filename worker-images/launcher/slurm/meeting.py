"""Whether every node reaches every other, and whether they can compute one sum together."""

import socket
import struct
import threading
import time
from array import array

from launcher.quick import Json
from launcher.slurm.wire import Message

# Numbers that each node brings to the sum.
COUNT = 1024


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
        unreached = []
        after: socket.socket | None = None
        for other, peer in enumerate(peers):
            if other == number:
                continue
            try:
                reached = _greet(peer, token.encode(), number, deadline)
            except OSError:
                unreached.append(other)
                continue
            if other == (number + 1) % len(peers):
                after = reached
            else:
                reached.close()
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


def _greet(peer: Json, token: bytes, number: int, deadline: float) -> socket.socket:
    """Raises OSError when nobody answers there who knows the token."""
    assert isinstance(peer, list)
    address, port = peer
    assert isinstance(port, int)
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connection = socket.create_connection((str(address), port), timeout=left)
    try:
        connection.sendall(token + struct.pack("!I", number))
        _take(connection, 1)
        return connection
    except OSError:
        connection.close()
        raise


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
