"""Compares what is installed with lock files; says every difference and exits 1 when there is one."""

import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def main(locks: list[str]) -> int:
    """`locks`: paths of requirements files with `name==version` lines. Returns the exit code."""
    wrong = 0
    for line in (line for lock in locks for line in Path(lock).read_text().splitlines()):
        match = re.match(r"([A-Za-z0-9._-]+)==([^\s;#]+)", line)
        if not match:
            continue
        name, want = match.groups()
        try:
            found = version(name).split("+")[0]  # 2.13.0+cpu is a build of 2.13.0
        except PackageNotFoundError:
            found = "nothing"
        if found != want:
            print(f"       {name}: the lock says {want}, found {found}", file=sys.stderr)
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
