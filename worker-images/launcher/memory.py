"""What the processes of an attempt use of the memory that they may."""

import os
import time

from launcher.strays import read_file

PAGE = os.sysconf("SC_PAGE_SIZE")
LOOK_EVERY_S = 0.5
# Looking costs a read for each process of the machine, and more when it is close: at most this share of one core.
MOST_COST = 0.05


class Memory:
    """Adds up all processes of the ranks, children included, and says when they use more than ``limit`` bytes.

    What counts is the proportional set size: a page that several processes share, such as what a data worker has from
    the rank that forked it, or a tensor in shared memory, counts once. It is slow to get, so resident set sizes are
    added up first, which can only be more, and proportional ones only where that is over the limit.
    """

    def __init__(self, limit: int, session: int | None) -> None:
        self.limit = limit
        self.peak = 0
        self.next_look = time.monotonic()
        self._session = session

    def is_over(self, ranks: set[int], spare: set[int]) -> bool:
        """Looks now. ``ranks`` are pids, with all that descends from them; ``spare`` are pids that don't count."""
        started = time.monotonic()
        processes = members(self._session, ranks, spare)
        used = sum(processes.values())
        if used > self.limit:
            used = sum(proportional(pid, resident) for pid, resident in processes.items())
        self.peak = max(self.peak, used)
        now = time.monotonic()
        self.next_look = now + max(LOOK_EVERY_S, (now - started) / MOST_COST)
        return used > self.limit


def members(session: int | None, ranks: set[int], spare: set[int]) -> dict[int, int]:
    """Resident bytes by pid, of the processes of a session and of all that descends from the ranks."""
    parents: dict[int, int] = {}
    resident: dict[int, int] = {}
    chosen = set(ranks)
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            fields = read_file(f"/proc/{name}/stat").rpartition(b")")[2].split()
        except OSError:  # gone meanwhile
            continue
        pid = int(name)
        parents[pid], resident[pid] = int(fields[1]), int(fields[21]) * PAGE
        if session is not None and int(fields[3]) == session:
            chosen.add(pid)
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in chosen and pid not in chosen} - spare
        chosen |= more
        grown = bool(more)
    return {pid: resident[pid] for pid in chosen - spare if pid in resident}


def proportional(pid: int, resident: int) -> int:
    """Proportional set size in bytes; the resident one where the kernel doesn't tell."""
    try:
        for line in read_file(f"/proc/{pid}/smaps_rollup").split(b"\n"):
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return resident
