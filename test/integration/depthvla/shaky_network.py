"""What stands between a worker and its store in these tests: it passes bytes on, and does harm where it is told to."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal

Harm = Literal["pass", "cut", "stall", "slow", "lose the answer", "break the answer off"]
Rule = Callable[[str], Harm]
"""From the first line of a request ("PUT /bucket/key HTTP/1.1") to what becomes of it."""


class ShakyNetwork:
    """Forwards to a server on loopback. A client sends a request only when it has the answer to the one before, so what
    comes after an answer begins a request."""

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.rule: Rule = lambda _: "pass"
        self.requests: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        for s in list(self._open):
            s.close()

    @contextmanager
    def when(self, rule: Rule) -> Iterator[None]:
        """Inside, requests meet this; afterwards, all is well again."""
        self.rule = rule
        try:
            yield
        finally:
            self.rule = lambda _: "pass"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self.upstream)) as server:
            self._open |= {client, server}
            state: dict[str, Harm] = {"harm": "pass"}
            threading.Thread(target=self._answer, args=(server, client, state), daemon=True).start()
            while data := client.recv(1 << 16):
                first = data.split(b"\r\n", 1)[0]
                if first.endswith(b"HTTP/1.1"):
                    request = first.decode()
                    self.requests.append(request)
                    state["harm"] = self.rule(request)
                    if state["harm"] == "slow":
                        time.sleep(0.3)
                if state["harm"] == "cut":
                    return
                if state["harm"] != "stall":
                    server.sendall(data)

    def _answer(self, server: socket.socket, client: socket.socket, state: dict[str, Harm]) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 16):
                match state["harm"]:
                    case "lose the answer":
                        break
                    case "break the answer off":
                        client.sendall(data[: len(data) // 2])
                        break
                    case _:
                        client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
