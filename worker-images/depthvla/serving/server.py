"""A policy server that clients of openpi's protocol can talk to."""

from __future__ import annotations

import http
import threading
import time
import traceback
from typing import Any

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from depthvla.model.policy import Policy
from depthvla.runtime.failure import WorkerError
from depthvla.serving.observation import fields_of, read_observation
from depthvla.serving.resize import Resize
from depthvla.serving.wire import LARGEST, decode, encode

HEALTH = "/healthz"


class PolicyServer:
    """Answers observations with actions, one at a time.

    On connecting, a client is sent what the policy is and what it takes. Then each message (an observation) is
    answered by one: a map with `actions`, or, when something is wrong, a text that says what. The connection lives on.
    """

    def __init__(self, policy: Policy, resize: Resize = "no") -> None:
        self.policy, self.resize = policy, resize
        self._one = threading.Lock()

    def listen(self, host: str, port: int) -> Server:
        """Opens the socket; `serve_forever` of what is returned answers, leaving its context ends all connections."""
        return serve(
            self._talk, host, port, compression=None, max_size=LARGEST, process_request=_answer_health
        )  # fmt: skip

    @property
    def metadata(self) -> dict[str, Any]:
        """What a client is told first."""
        policy = self.policy
        return {
            "policy": policy.digest,
            "statistics": policy.stats.digest,
            "cameras": list(policy.cameras),
            "image_size": policy.image_size,
            "state_size": policy.config.state,
            "action_size": policy.config.actions,
            "action_horizon": policy.horizon,
            "observation": fields_of(policy),
            "resize": self.resize,
        }

    def warm_up(self) -> None:
        """One decision about nothing: the first takes longer than all others, and no robot should wait for it."""
        p, size = self.policy, self.policy.image_size
        depth = np.ones((1, p.config.depth_cameras, size, size), np.float32) if p.takes_depth else None
        images = np.zeros((1, p.config.cameras, size, size, 3), np.uint8)
        p.act(images, np.zeros((1, p.config.state), np.float32), [""], [0], depth=depth)

    def answer(self, message: bytes | str) -> dict[str, Any]:
        """The reply to one message.

        Raises:
            WorkerError: MESSAGE_INVALID, OBSERVATION_INVALID, INSTRUCTION_TOO_LONG, ACTION_NOT_FINITE.
        """
        seen = read_observation(self.policy, decode(message), self.resize)
        depth = None if seen.depth is None else seen.depth[None]
        with self._one:
            start = time.monotonic()
            actions = self.policy.act(
                seen.images[None], seen.state[None], [seen.prompt], [seen.seed], present=seen.present[None], depth=depth
            )[0]
            took = (time.monotonic() - start) * 1000
        return {"actions": actions, "seed": seen.seed, "policy_timing": {"infer_ms": took}}

    def _talk(self, connection: ServerConnection) -> None:
        try:
            connection.send(encode(self.metadata))
            before: dict[str, float] = {}
            for message in connection:
                start = time.monotonic()
                try:
                    reply = self.answer(message)
                except WorkerError as error:
                    connection.send(say(error))
                    continue
                except Exception as error:
                    traceback.print_exception(error)
                    connection.send(f"CRASHED: {type(error).__name__}: {error}")
                    continue
                # How long sending took is known only after it: the whole of a decision is told with the next.
                reply["server_timing"] = {"infer_ms": (time.monotonic() - start) * 1000, **before}
                connection.send(encode(reply))
                before = {"prev_total_ms": (time.monotonic() - start) * 1000}
        except ConnectionClosed:
            pass  # a robot that is switched off says no goodbye


def say(error: WorkerError) -> str:
    """An error as one line, with what to do about it as another."""
    return f"{error.code}: {error.message}" + (f"\n{error.hint}" if error.hint else "")


def _answer_health(connection: ServerConnection, request: Request) -> Response | None:
    return connection.respond(http.HTTPStatus.OK, "OK\n") if request.path == HEALTH else None
