"""Compares what is installed with lock files; says every difference and exits 1 when there is one.

With `--json` first: one line instead, `{"missing": {name: wanted}, "different": {name: [wanted, found]}}`, and exit
code 0.
"""

import json
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def main(args: list[str]) -> int:
    """`args`: paths of requirements files with `name==version` lines. Returns the exit code."""
    as_json = args[:1] == ["--json"]
    missing: dict[str, str] = {}
    different: dict[str, tuple[str, str]] = {}
    for line in (line for lock in args[as_json:] for line in Path(lock).read_text().splitlines()):
        match = re.match(r"([A-Za-z0-9._-]+)==([^\s;#]+)", line)
        if not match:
            continue
        name, want = match.groups()
        try:
            found = version(name).split("+")[0]  # 2.13.0+cpu is a build of 2.13.0
        except PackageNotFoundError:
            missing[name] = want
            continue
        if found != want:
            different[name] = (want, found)
    if as_json:
        print(json.dumps({"missing": missing, "different": different}))
        return 0
    for name, (want, found) in ({name: (want, "nothing") for name, want in missing.items()} | different).items():
        print(f"       {name}: the lock says {want}, found {found}", file=sys.stderr)
    return 1 if missing or different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
