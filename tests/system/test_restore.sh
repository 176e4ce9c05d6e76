#!/bin/sh
# A service lost and restored, three devices (make figure-restore: eighty, and a wrong clock).
exec python3 tests/figures/restore.py --short
