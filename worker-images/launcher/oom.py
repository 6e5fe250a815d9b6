"""Whether the kernel has killed a process for want of memory."""

import os


class OomKills:
    """Compares a counter of the kernel's: of this process's control group if that has one, else of the machine.

    The group's is better, since it leaves out what was killed elsewhere on the machine. Ranks are in the same one.
    """

    def __init__(self, paths: list[str] | None = None) -> None:
        self._paths = counters() if paths is None else paths
        self._seen = self._count()

    def happened(self) -> bool:
        """Whether one more was killed than this has told of; each is told of once."""
        if self._count() <= self._seen:
            return False
        self._seen += 1
        return True

    def _count(self) -> int:
        for path in self._paths:
            try:
                with open(path, encoding="ascii") as file:
                    count = oom_kills(file.read())
            except OSError:
                continue
            if count is not None:
                return count
        return 0


def oom_kills(text: str) -> int | None:
    """The field ``oom_kill``, on a line of its own in memory.events, memory.oom_control and /proc/vmstat alike."""
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name == "oom_kill":
            return int(value)
    return None


def counters(root: str = "/sys/fs/cgroup") -> list[str]:
    """Files that count, the narrowest first: of control groups version 2, of version 1, of the machine."""
    found = []
    try:
        with open("/proc/self/cgroup", encoding="utf-8") as file:
            for line in file:
                _, controllers, path = line.rstrip("\n").split(":", 2)
                if controllers == "":
                    found.append(f"{root}{path}/memory.events")
                elif "memory" in controllers.split(","):
                    # In a container the path is often the host's, and what is mounted the container's own.
                    found += [f"{root}/memory{path}/memory.oom_control", f"{root}/memory/memory.oom_control"]
    except OSError:
        pass
    return [path for path in found if os.access(path, os.R_OK)] + ["/proc/vmstat"]
