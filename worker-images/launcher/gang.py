"""The ranks of an attempt, from the first start to the last end."""

import os
import select
import time
from _collections_abc import Callable

from launcher.guardian import Guardian
from launcher.job import Job
from launcher.memory import Memory
from launcher.oom import OomKills
from launcher.place import Place
from launcher.quick import SIGCHLD, SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, Json
from launcher.rank import Rank
from launcher.scratch import Scratch, remove_scratch
from launcher.strays import kill_strays

TRY_AGAIN = 75
# The others can't save without the rank that is gone (they hang in a collective), but may still write a last line.
GANG_GRACE_S = 5.0


class Gang:
    """Starts the ranks, hears of everything by poll, and ends when the last rank has.

    Nothing is asked for at intervals, but for memory where it is limited: signals, deaths and output each make a file
    descriptor readable.
    """

    def __init__(self, job: Job, directory: str, session: int | None, lock: int, place: Place) -> None:
        self.ranks: list[Rank] = []
        self.cause = "ranks"
        self.first_bad: int | None = None
        self.memory = None if job.memory is None else Memory(job.memory, session)
        self._job = job
        self._directory = directory
        # Where this process shares its session with others (a step of Slurm's, a shell's job), each rank has its own.
        self._apart = "session" if session is None else "group"
        self._sessions = set() if session is None else {session}
        self._lock = lock
        self._place = place
        self._stopping = False
        self._kill_at: float | None = None
        self._time_at: float | None = None
        self._oom_kills = OomKills()
        self._scratch = Scratch(job.attempt)
        self._guardian = self._guard()
        self._poll = select.poll()
        self._signals = -1
        self._readers: dict[int, Rank] = {}
        self._ears: dict[int, Callable[[], bool]] = {}
        self._beat: Callable[[], None] | None = None
        self._beat_every = self._beat_at = 0.0

    def start(self) -> None:
        """Call with the signals blocked, and SIGUSR1 and SIGUSR2 ignored: that is how the ranks are to begin."""
        for number in range(self._place.first, self._place.first + self._place.count):
            rank = Rank(self._job, self._directory, number, self._place, self._scratch.environment(), self._apart)
            self.ranks.append(rank)
            if self._apart == "session":
                self._sessions.add(rank.pid)
            for fd in rank.logs:
                self._readers[fd] = rank
                self._poll.register(fd, select.POLLIN)
        if self._job.time is not None:
            self._time_at = time.monotonic() + self._job.time

    def listen(self, fd: int, hear: Callable[[], bool], beat: Callable[[], None], every: float) -> None:
        """`hear` is called when `fd` is readable, until it returns False, and `beat` at intervals."""
        self._ears[fd] = hear
        self._poll.register(fd, select.POLLIN)
        self._beat, self._beat_every, self._beat_at = beat, every, time.monotonic()

    def watch(self, signals: int) -> None:
        """Returns when every rank has ended. ``signals`` is readable with one byte for each signal that arrived."""
        self._signals = signals
        self._poll.register(signals, select.POLLIN)
        while any(rank.exit is None for rank in self.ranks):
            self._serve(self._until_deadline())
            self._check_deadlines()

    def finish(self) -> list[Json]:
        """Leaves nothing running, whatever happened before, and returns the ranks' records."""
        for rank in self.ranks:
            rank.kill()
        while any(rank.exit is None for rank in self.ranks):
            self._reap(0)
        kill_strays(self._place.marks, self._sessions, {os.getpid(), self._guardian.pid})
        # What they wrote last is still in the pipes. Only a process that can't be killed keeps one open longer.
        deadline = time.monotonic() + 2
        while self._readers and time.monotonic() < deadline:
            self._serve(0.1)
        remove_scratch(self._scratch.path)
        self._guardian.dismiss()
        return [rank.exit for rank in self.ranks if rank.exit is not None]

    def _guard(self) -> Guardian:
        return Guardian(self._directory, self._place.marks, self._sessions, self._lock, self._scratch.path)

    def _until_deadline(self) -> float | None:
        look_at = None if self.memory is None else self.memory.next_look
        beat_at = None if self._beat is None else self._beat_at
        deadlines = [at for at in (self._kill_at, self._time_at, look_at, beat_at) if at is not None]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _serve(self, timeout: float | None) -> None:
        for fd, _ in self._poll.poll(None if timeout is None else timeout * 1000 + 1):
            if fd == self._signals:
                for signal in os.read(fd, 4096):
                    self.on_signal(signal)
            elif fd in self._ears:
                if not self._ears[fd]():
                    self._poll.unregister(fd)
                    del self._ears[fd]
            elif not self._readers[fd].read(fd):
                self._poll.unregister(fd)
                del self._readers[fd]

    def on_signal(self, signal: int) -> None:
        if signal == SIGCHLD:
            while self._reap(os.WNOHANG):
                pass
        elif signal == SIGUSR1:
            # One that is asked to save and end does so anyway; while Python goes, the signal's default would end it.
            # Of two that came at once, the kernel may have handed over the later one first.
            if not self._stopping:
                self._send(signal)
        elif signal == SIGUSR2:
            self._send(signal)
        elif signal in (SIGTERM, SIGINT, SIGHUP):
            self.stop("signal", self._job.grace)
        elif signal == SIGQUIT:  # an engine's way to say SIGKILL and still get a record
            self._kill("signal")

    def _check_deadlines(self) -> None:
        now = time.monotonic()
        if self._beat is not None and now >= self._beat_at:
            self._beat_at = now + self._beat_every
            self._beat()
        if self._time_at is not None and now >= self._time_at:
            self._time_at = None
            self.stop("time", self._job.grace)
        if self._kill_at is not None and now >= self._kill_at:
            self._kill(self.cause)
        if self.memory is not None and now >= self.memory.next_look and self._uses_too_much(self.memory):
            self._kill("memory")

    def _uses_too_much(self, memory: Memory) -> bool:
        alive = {rank.pid for rank in self.ranks if rank.exit is None}
        return memory.is_over(alive, {os.getpid(), self._guardian.pid})

    def _kill(self, cause: str) -> None:
        """Ends all ranks now. The first reason counts."""
        if not self._stopping:
            self._stopping = True
            self.cause = cause
        self._kill_at = None
        for rank in self.ranks:
            rank.kill()

    def stop(self, cause: str, grace: float) -> None:
        """Asks all ranks to end. The first reason counts, and its deadline."""
        if not self._stopping:
            self._stopping = True
            self.cause = cause
            self._kill_at = time.monotonic() + grace
        self._send(SIGTERM)

    def _send(self, signal: int) -> None:
        for rank in self.ranks:
            rank.send(signal)

    def _reap(self, options: int) -> bool:
        """Takes note of one child that has ended; False when there is none (with WNOHANG: none yet)."""
        try:
            child = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | options)
        except ChildProcessError:
            return False
        if child is None:
            return False
        oom_killed = False
        for rank in self.ranks:
            if rank.pid == child.si_pid:
                by_others = child.si_code == os.CLD_KILLED and child.si_status == SIGKILL and not rank.killed
                oom_killed = by_others and self._oom_kills.happened()
                rank.kill()  # its group: before it is waited for, since that frees its number for others
        pid, status, usage = os.wait4(child.si_pid, 0)
        if pid == self._guardian.pid:
            self._guardian = self._guard()
        for rank in self.ranks:
            if rank.pid == pid and rank.exit is None:
                rank.ended(status, usage.ru_maxrss, oom_killed)
                self._on_end(rank.number, os.waitstatus_to_exitcode(status))
        return True

    def _on_end(self, number: int, code: int) -> None:
        asked = self._stopping and self.cause != "ranks"
        if code == 0 or (code == TRY_AGAIN and asked) or self.first_bad is not None:
            return
        self.first_bad = number
        self.give_up()

    def give_up(self) -> None:
        """Ends ranks that can't go on: one of the gang is gone, here or on another node."""
        grace = min(self._job.grace, GANG_GRACE_S)
        if not self._stopping:
            self.stop("ranks", grace)
        elif self._kill_at is not None:
            # It was asked to save, and can't: those that wait for it would do so for the whole period of grace.
            self._kill_at = min(self._kill_at, time.monotonic() + grace)
