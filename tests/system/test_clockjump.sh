#!/bin/sh
# Ten years ahead over two restarts, and back (make figure-clockjump: eight jumps).
exec python3 tests/figures/clockjump.py --short
