"""Starts an attempt here, as Slurm's batch step, or on one node of it. Short, since a script isn't cached as bytecode.

python -I -S …/launcher/__main__.py [batch | node] <attempt directory>
"""

import os
import sys

# -I keeps the script's folder off the path, and -S the worker's packages: neither is wanted, nor its import time.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from launcher.launch import main, say

if len(sys.argv) == 3 and sys.argv[1] == "batch":
    from launcher.slurm.batch import main as batch

    code = batch(os.path.abspath(sys.argv[2]), say)
elif len(sys.argv) == 3 and sys.argv[1] == "node":
    from launcher.slurm.node import main as node

    code = node(os.path.abspath(sys.argv[2]))
else:
    code = main(sys.argv[1:], say)
os._exit(code)  # nothing is left to tidy up; doing so would take another 2 ms
