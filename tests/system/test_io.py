#!/usr/bin/env python3
"""A sample of a server's system calls and allocations that fail, a full disk, a slow one, a locked
database, seconds each; each call, and minutes, are the figure's (`make figure-io`)."""
import pathlib
import subprocess
import sys

IO = pathlib.Path(__file__).resolve().parents[1] / "figures" / "io.py"
sys.exit(subprocess.run([sys.executable, IO, "--short"], check=False).returncode)
