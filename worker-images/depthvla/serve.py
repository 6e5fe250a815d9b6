"""`python -m depthvla.serve <folder>`: serves an exported policy over a websocket, as openpi's policy server does."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, get_args

from depthvla.runtime.command_line import CommandLine
from depthvla.runtime.failure import CANT_CREATE, WorkerError


def main(argv: Sequence[str]) -> int:
    """Serves until it is interrupted; returns the exit code."""
    from depthvla.serving.resize import Resize

    parser = CommandLine("python -m depthvla.serve", description="Serves an exported policy over a websocket.")
    parser.add_argument("folder", type=Path, help="as train_vla left it")
    parser.add_argument("--host", default="127.0.0.1", help="there is no password: keep to a network that you trust")
    parser.add_argument("--port", type=int, default=8000, help="0: any that is free")
    parser.add_argument("--device", default="cpu", help="such as cuda:0")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument(
        "--resize", choices=get_args(Resize), default="no",
        help="pictures of another size: refuse them, scale them to fit between black bars, or cut them square",
    )  # fmt: skip
    options = parser.parse_args(argv)
    if options.threads < 1:
        parser.error("--threads takes a whole number from 1")
    # A port scan is no reason for a stack trace.
    logging.getLogger("websockets.server").setLevel(logging.CRITICAL)
    signal.signal(signal.SIGTERM, _stop)
    try:
        return _serve(options)
    except WorkerError as error:
        print(f"{error.code}: {error.message}" + (f"\n{error.hint}" if error.hint else ""), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 0


def _serve(options: argparse.Namespace) -> int:
    from depthvla.model.policy import Policy, Running
    from depthvla.serving.server import PolicyServer

    policy = Policy.load(options.folder, Running(options.device, options.precision, 1, options.threads))
    server = PolicyServer(policy, options.resize)
    server.warm_up()
    try:
        listening = server.listen(options.host, options.port)
    except OSError as error:
        where = f"{options.host}:{options.port}"
        raise WorkerError(
            "ADDRESS_TAKEN", f"can't listen on {where}: {error.strerror}", exit_code=CANT_CREATE
        ) from error
    with listening:
        host, port = listening.socket.getsockname()[:2]
        print(f"policy {policy.digest[:12]} on ws://{host}:{port}", flush=True)
        listening.serve_forever()
    return 0


def _stop(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
