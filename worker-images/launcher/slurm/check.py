"""The check before the start of a gang, from the first node: asks all nodes, and names those that are bad."""

import os
import time
from _collections_abc import Callable

from launcher.quick import Json
from launcher.slurm.batch_file import Check
from launcher.slurm.crew import Crew, Gone
from launcher.slurm.judge import missing, refuse, skewed, unreachable
from launcher.slurm.wire import Message

# How long nodes have to come, where nothing is checked.
TO_START_S = 300.0


def muster(crew: Crew, names: list[str], check: Check | None, port: int) -> str:
    """Returns the address of the first node when all nodes are there, and fit.

    Args:
        port: for the command that tries the ranks.

    Raises:
        NodeError: NODE_BAD.
        Signalled.
    """
    patience = TO_START_S if check is None else check.patience
    hellos = gather(crew, names, "hello", patience)
    refuse(names, _troubles(hellos))
    address = str(hellos[0]["address"])
    if check is None:
        return address
    sent = time.time()
    crew.tell("clock")
    clocks = gather(crew, names, "clock", patience)
    refuse(names, skewed(sent, {node: (_number(c["now"]), _number(c["at"])) for node, c in clocks.items()}, check.skew))
    if len(names) > 1:
        peers: list[Json] = [[hellos[node]["address"], hellos[node]["port"]] for node in range(len(names))]
        crew.tell("meet", peers=peers, token=os.urandom(16).hex())
        _judge_meeting(names, gather(crew, names, "met", 2 * patience))
    if check.command is not None:
        crew.tell("try", port=port, address=address)
        # At the first trouble: the others fail, or hang, because of it.
        gather(crew, names, "tried", 2 * patience, lambda node, answer: refuse(names, _troubles({node: answer})))
    return address


def gather(
    crew: Crew,
    names: list[str],
    word: str,
    patience: float,
    look: Callable[[int, Message], None] = lambda _node, _answer: None,
) -> dict[int, Message]:
    """One answer of each node, at which `look` may look as it comes. Raises NodeError for those that give none."""
    answers: dict[int, Message] = {}
    deadline = time.monotonic() + patience
    try:
        while len(answers) < len(names) and (message := crew.hear(deadline)) is not None:
            node = message["node"]
            if message["say"] == word and isinstance(node, int):
                look(node, message)
                answers[node] = message
    except Gone:
        pass
    if len(answers) < len(names):
        refuse(names, _troubles(answers) | missing(names, set(answers), crew.complaints, patience))
    return answers


def _judge_meeting(names: list[str], answers: dict[int, Message]) -> None:
    pairs = set()
    for node, answer in answers.items():
        unreached = answer["unreached"]
        assert isinstance(unreached, list)
        pairs |= {(node, other) for other in unreached if isinstance(other, int)}
    blamed = unreachable(pairs)
    refuse(names, {node: f"and {_list(names, others)} don't reach each other" for node, others in blamed.items()})
    refuse(names, _troubles(answers))


def _list(names: list[str], nodes: set[int]) -> str:
    listed = [names[node] for node in sorted(nodes)]
    return ", ".join(listed if len(listed) <= 4 else [*listed[:3], f"{len(listed) - 3} more"])


def _troubles(answers: dict[int, Message]) -> dict[int, str]:
    return {node: str(answer["trouble"]) for node, answer in answers.items() if answer["trouble"] is not None}


def _number(value: Json) -> float:
    assert isinstance(value, int | float)
    return value
