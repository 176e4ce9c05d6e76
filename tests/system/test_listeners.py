#!/usr/bin/env python3
"""Some 500 listeners to the stream of events; ten thousand are the figure's
(`make figure-events`)."""
import pathlib
import subprocess
import sys

EVENTS = pathlib.Path(__file__).resolve().parents[1] / "figures" / "events.py"
sys.exit(subprocess.run([sys.executable, EVENTS, "--short"], check=False).returncode)
