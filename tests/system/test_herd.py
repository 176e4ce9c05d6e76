#!/usr/bin/env python3
"""Three thousand devices that come back in two seconds; a hundred thousand are the figure's
(`make figure-herd`)."""
import pathlib
import subprocess
import sys

HERD = pathlib.Path(__file__).resolve().parents[1] / "figures" / "herd.py"
sys.exit(subprocess.run([sys.executable, HERD, "--short"], check=False).returncode)
