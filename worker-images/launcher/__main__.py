"""``python -I -S …/launcher/__main__.py <attempt directory>``: short, since a script isn't cached as bytecode."""

import os
import sys

# -I keeps the script's folder off the path, and -S the worker's packages: neither is wanted, nor its import time.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from launcher.launch import main, say

os._exit(main(sys.argv[1:], say))  # nothing is left to tidy up; doing so would take another 2 ms
