#!/usr/bin/env python3
"""Some three thousand disks as a power loss may leave them, opened by the store; the figure opens a
hundred thousand (`make figure-vfs`)."""
import os
import pathlib
import subprocess
import sys

BUILD = pathlib.Path(os.environ.get("TESTED_BUILD", "build"))
sys.exit(subprocess.run([BUILD / "tests/figure_vfs", "3000"], check=False).returncode)
