#!/usr/bin/env python3
"""A short crowd of guessers: few of their passwords are checked, and who has logged in before gets
in. Times are the figure's (`make figure-login`)."""
import pathlib
import subprocess
import sys

LOGIN = pathlib.Path(__file__).resolve().parents[1] / "figures" / "login.py"
sys.exit(subprocess.run([sys.executable, LOGIN, "--short"], check=False).returncode)
