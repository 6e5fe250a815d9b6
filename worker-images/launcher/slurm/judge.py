"""Which nodes are to blame for what the check before the start has found. Values in, values out."""


class NodeError(Exception):
    """An attempt can't start or go on because of nodes, by their names; ``code`` as in exit.json."""

    def __init__(self, code: str, message: str, nodes: list[str]) -> None:
        super().__init__(message)
        self.code = code
        self.nodes = nodes


def refuse(names: list[str], troubles: dict[int, str]) -> None:
    """Raises NodeError with all troubles, by number of the node; nothing without any."""
    if troubles:
        said = "; ".join(f"{names[node]} {trouble}" for node, trouble in sorted(troubles.items()))
        raise NodeError("NODE_BAD", f"the check before the start: {said}", [names[node] for node in sorted(troubles)])


def missing(names: list[str], arrived: set[int], complaints: list[str], patience: float) -> dict[int, str]:
    """What is wrong with nodes that said nothing: those that srun complains of, or else all.

    Raises:
        NodeError: when none said anything, and srun names none: that is not the fault of each.
    """
    absent = set(range(len(names))) - arrived
    if named := first_named(names, absent, complaints):
        return dict.fromkeys(named[0], f"did not start its task: {named[1]}")
    if not arrived and len(names) > 1:
        said = f": {complaints[-1].strip()}" if complaints else ""
        raise NodeError("NODE_BAD", f"none of {len(names)} nodes answered within {patience:g} s{said}", [])
    return dict.fromkeys(absent, f"did not answer within {patience:g} s")


def first_named(names: list[str], suspects: set[int], complaints: list[str]) -> tuple[set[int], str] | None:
    """Of the suspects those that srun complains of first, with the line: it may have ended others for their sake."""
    for line in complaints:
        words = line.replace(":", " ").replace(",", " ").split()
        if said := {node for node in suspects if names[node] in words}:
            return said, line.strip()
    return None


def skewed(sent: float, clocks: dict[int, tuple[float, float]], most: float) -> dict[int, str]:
    """Clocks that can't be right, however long the answer was under way.

    Args:
        sent: when they were asked.
        clocks: for each node, its time and the time at which that arrived here, in seconds.
    """
    return {
        node: f"has a clock that is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}"
        for node, (its, arrived) in clocks.items()
        if abs(off := max(its - arrived, 0.0) or min(its - sent, 0.0)) > most
    }


def unreachable(pairs: set[tuple[int, int]]) -> dict[int, set[int]]:
    """The fewest nodes that explain which pairs don't reach each other: each with those that it has lost.

    Between two that are equally likely, both are named.
    """
    left, blamed = set(pairs), {}
    while left:
        lost: dict[int, set[int]] = {}
        for one, other in left:
            lost.setdefault(one, set()).add(other)
            lost.setdefault(other, set()).add(one)
        most = max(len(others) for others in lost.values())
        worst = {node: others for node, others in lost.items() if len(others) == most}
        blamed.update(worst)
        left = {pair for pair in left if not worst.keys() & set(pair)}
    return blamed
