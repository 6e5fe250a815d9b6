"""Command lines of this package: a mistake in one is said in a sentence, and ends with 64."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

from depthvla.runtime.failure import USAGE


class CommandLine(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        print(f"{self.prog}: {message}", file=sys.stderr)
        sys.exit(USAGE)
