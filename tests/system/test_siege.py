#!/usr/bin/env python3
"""A short siege: nobody dies and nobody is locked out. Times and memory are the figure's
(`make figure-siege`)."""
import pathlib
import subprocess
import sys

SIEGE = pathlib.Path(__file__).resolve().parents[1] / "figures" / "siege.py"
sys.exit(subprocess.run([sys.executable, SIEGE, "--short"], check=False).returncode)
