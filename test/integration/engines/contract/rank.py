"""A rank that does what a test asks of it: ``rank.py <what> …``. It prints ``ready`` when it has come so far."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(os.environ["ORCHESTRATE_ATTEMPT_DIR"])
RANK = int(os.environ["RANK"])
EVENTS = HERE / f"events.{RANK}.jsonl"


def say(text: str) -> None:
    print(text, flush=True)


def tell(line: str) -> None:
    """A line among the events: unlike other files, these go wherever the attempt's control plane is."""
    with EVENTS.open("a") as file:
        file.write(f"{line}\n")


def on(number: int, action: Callable[[], None]) -> None:
    signal.signal(number, lambda _number, _frame: action())


def meet(name: str, mode: str) -> None:
    """Returns when another rank has come to the same place with the other mode."""
    path = HERE / name
    if not path.exists():
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path)
    path.open(mode).close()


def wait() -> None:
    """Until a signal ends it."""
    say("ready")
    while True:
        signal.pause()


def listen() -> None:
    """Says each signal; SIGTERM makes it save and end."""
    on(signal.SIGUSR1, lambda: say("SIGUSR1"))
    on(signal.SIGUSR2, lambda: say("SIGUSR2"))
    on(signal.SIGTERM, lambda: sys.exit(75))
    wait()


def talk(code: str = "75") -> None:
    """Writes a word wherever it can; SIGUSR1 brings the second, SIGTERM the last."""

    def word(which: str) -> None:
        tell(f"{which} word of {RANK}")
        print(f"{which} word of {RANK}", file=sys.stderr, flush=True)
        say(f"{which} word of {RANK}")

    def leave_with_a_word() -> None:
        word("last")
        sys.exit(int(code))

    on(signal.SIGUSR1, lambda: word("second"))
    on(signal.SIGTERM, leave_with_a_word)
    word("first")
    while True:
        signal.pause()


def stubborn() -> None:
    on(signal.SIGTERM, lambda: say("SIGTERM, so what"))
    wait()


def freeze() -> None:
    """Rank 1 is stopped, as by a debugger."""
    say("ready")
    if RANK == 1:
        os.kill(os.getpid(), signal.SIGSTOP)
    wait()


def leave(code: str) -> None:
    sys.exit(int(code))


def differ() -> None:
    """Rank 0 ends well; then 1 with 3, once the others are there; 2 with 75 and 3 by SIGKILL, when told to end."""
    if RANK == 1:
        for other in (2, 3):
            meet(f"there.{other}", "r")
        while not (HERE / "exit.0.json").exists():
            time.sleep(0.005)
        sys.exit(3)
    if RANK > 1:
        on(signal.SIGTERM, lambda: sys.exit(75) if RANK == 2 else os.kill(os.getpid(), signal.SIGKILL))
        meet(f"there.{RANK}", "w")
        wait()


def die() -> None:
    """Rank 1 is killed, as if memory had run out, once rank 0 is there, which would wait for ever."""
    if RANK == 1:
        meet("there.0", "r")
        os.kill(os.getpid(), signal.SIGKILL)
    meet("there.0", "w")
    wait()


def started() -> None:
    tell(f"started as {os.getpid()}")
    wait()


def breed(how: str) -> None:
    """Leaves a child in its group, one in a session of its own, and one that has forgotten its environment."""
    sleep = [sys.executable, "-S", "-c", "import time; time.sleep(600)", HERE.name]
    subprocess.Popen(sleep)
    subprocess.Popen(sleep, start_new_session=True)
    subprocess.Popen(sleep, process_group=0, env={})
    if how == "wait":
        wait()


def litter() -> None:
    """Leaves a file where temporary ones go."""
    path = Path(tempfile.gettempdir()) / f"{HERE.name}-litter"
    path.write_text("not cleaned up")
    say(str(path))
    wait()


def eat(most: str) -> None:
    """Takes more and more memory, 16 MiB at a time."""
    taken = []
    while len(taken) << 24 < int(most):
        taken.append(b"x" * (1 << 24))
        time.sleep(0.01)
    say("full")
    wait()


def flood(lines: str) -> None:
    for number in range(int(lines)):
        print(f"{number:099d}")
    print("the end", flush=True)
    wait()


def describe() -> None:
    """What it was given, as JSON."""
    ignored = [int(n) for n in signal.Signals if signal.getsignal(n) is signal.SIG_IGN]
    blocked = [int(n) for n in signal.pthread_sigmask(signal.SIG_BLOCK, [])]
    secrets = HERE / "secrets.json"
    facts = {
        "env": dict(os.environ),
        "cwd": str(Path.cwd()),
        "ignored": ignored,
        "blocked": blocked,
        "stdin": sys.stdin.read(),
        "leader": os.getpgrp() == os.getpid(),
        "secrets": json.loads(secrets.read_text()) if secrets.exists() else None,
        "mode": secrets.stat().st_mode & 0o777 if secrets.exists() else None,
        "files": sorted(path.name for path in Path().iterdir()),
    }
    tell(json.dumps(facts))


what, *arguments = sys.argv[1:]
actions: list[Callable[..., None]] = [wait, listen, talk, stubborn, freeze, leave, differ, die, started, breed]
actions += [litter, eat, flood, describe]
{action.__name__: action for action in actions}[what](*arguments)
