#!/usr/bin/env python3
"""A sample of `make figure-memory`: what each of 40,000 devices adds to a server that has none."""
import os
import pathlib
import shutil
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/figures"))
import fleet_db  # noqa: E402
import memory  # noqa: E402

COUNT = 40000


def main():
    memory.GODWIT = pathlib.Path(os.environ.get("GODWIT", memory.GODWIT))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="godwit-memory-"))
    try:
        server = memory.Server(folder)
        empty = server.resident()
        server.end()
        fleet_db.fill(folder / "data/godwit.db", COUNT)
        server = memory.Server(folder)
        each = (server.resident() - empty) / COUNT
        server.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"memory: {each:.0f} bytes a device")
    return not 100 < each <= memory.BYTES_BAR


if __name__ == "__main__":
    sys.exit(main())
