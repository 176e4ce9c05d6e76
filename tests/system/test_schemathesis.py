#!/usr/bin/env python3
"""Under a minute of requests made out of the OpenAPI document; ten minutes are the figure's
(`make figure-api`)."""
import pathlib
import subprocess
import sys

API = pathlib.Path(__file__).resolve().parents[1] / "figures" / "api.py"
sys.exit(subprocess.run([sys.executable, API, "--short"], check=False).returncode)
