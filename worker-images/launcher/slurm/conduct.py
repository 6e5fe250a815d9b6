"""A gang on several nodes, from its first step to the last end, as the batch step sees it."""

import time

from launcher.quick import SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2
from launcher.slurm.batch_file import Batch
from launcher.slurm.check import muster
from launcher.slurm.crew import Crew, Gone, Signalled
from launcher.slurm.judge import NodeError, first_named
from launcher.slurm.stop_reason import StopReason
from launcher.slurm.wire import Message

# Nodes that give up end their ranks within moments; this is for the slowest of them to say so.
TO_GIVE_UP_S = 60.0


class Conduct:
    """
    Attributes:
        cause: as in exit.json: the first reason for which the gang had to end.
    """

    def __init__(self, crew: Crew, batch: Batch, names: list[str], reason: StopReason) -> None:
        self.cause: str | None = None
        self._crew = crew
        self._batch = batch
        self._names = names
        self._reason = reason
        self._running = set(range(len(names)))
        self._over_at = float("inf")

    def run(self, ports: tuple[int, int]) -> None:
        """Returns when every node has said how its ranks ended, or before they began if it is asked to.

        Args:
            ports: reserved on the first node: for the ranks, and for what is tried before them.

        Raises:
            NodeError: NODE_BAD, NODE_LOST.
        """
        self._crew.deaf_to = (SIGUSR1, SIGUSR2)  # as ranks are when they begin
        try:
            address = muster(self._crew, self._names, self._batch.check, ports[1])
        except Signalled as signal:
            self._on_signal(signal.number)
            self._crew.tell("leave")
            return
        self._crew.deaf_to = ()
        self._crew.tell("start", address=address, port=ports[0])
        while self._running:
            try:
                message = self._crew.hear(time.monotonic() + min(1.0, self._batch.silence / 6))
            except Signalled as signal:
                self._on_signal(signal.number)
            except Gone:
                if (
                    self.cause == "signal"
                ):  # Slurm, or whoever asked it, did not wait for the ranks to end by themselves
                    return
                self._lose(*self._why_gone())
            else:
                if message is not None and message["say"] == "end":
                    self._on_end(message)
                self._look_for_lost()

    def _on_signal(self, number: int) -> None:
        if number not in (SIGUSR1, SIGUSR2):
            self._stop_for("signal")
        self._crew.tell("signal", number=number)
        if number == SIGQUIT:
            self._over_at = min(self._over_at, time.monotonic() + TO_GIVE_UP_S)

    def _on_end(self, message: Message) -> None:
        self._running = self._running - {message["node"]}
        cause = str(message["cause"])
        if cause == "ranks" and not message["bad"]:
            return
        self._stop_for(cause)
        if cause in ("signal", "time"):
            self._crew.tell("signal", number=SIGTERM)  # Slurm may not have told the others yet: they save, too
        elif self._over_at == float("inf"):
            self._over_at = time.monotonic() + TO_GIVE_UP_S
            self._crew.tell("giveUp")

    def _stop_for(self, cause: str) -> None:
        if self.cause is None:
            self.cause = cause
            if cause == "signal":
                self._reason.ask()

    def _look_for_lost(self) -> None:
        # Where one node has trouble already, one that misses two beats is likely to be the reason.
        patience = self._batch.silence if self._over_at == float("inf") else self._batch.silence / 3
        if silent := self._running & self._crew.silent(patience):
            self._lose(silent, f"did not answer for {patience:g} s")
        if time.monotonic() > self._over_at:
            self._lose(self._running, f"did not end its ranks within {TO_GIVE_UP_S:g} s")

    def _lose(self, nodes: set[int], how: str) -> None:
        """The others are told to give up before their task is ended: what they say of their ranks must not be lost."""
        self._crew.tell("giveUp")
        deadline = time.monotonic() + TO_GIVE_UP_S / 2
        left = self._running - nodes
        while left and time.monotonic() < deadline:
            try:
                message = self._crew.hear(deadline)
            except Signalled:
                continue
            except Gone:
                break
            if message is not None and message["say"] == "end":
                left = left - {message["node"]}
        names = [self._names[node] for node in sorted(nodes)]
        # What befalls all at once is not the fault of each.
        blamed = names if len(nodes) < len(self._names) or len(nodes) == 1 else []
        raise NodeError("NODE_LOST", f"{', '.join(names)} {how}", blamed)

    def _why_gone(self) -> tuple[set[int], str]:
        how = "ended before its ranks were done"
        if named := first_named(self._names, self._running, self._crew.complaints):
            return named[0], f"{how}: {named[1]}"
        return self._running, how
