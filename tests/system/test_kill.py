#!/usr/bin/env python3
"""Some thirty kills of a server at work: nothing that it has acknowledged is lost, nothing counts
twice. A thousand, and the time of a start, are the figure's (`make figure-kill`)."""
import pathlib
import subprocess
import sys

KILL = pathlib.Path(__file__).resolve().parents[1] / "figures" / "kill.py"
sys.exit(subprocess.run([sys.executable, KILL, "--short"], check=False).returncode)
