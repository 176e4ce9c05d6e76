#!/bin/sh
# Figure interop is quick enough to be a test too.
exec python3 "$(dirname "$0")/../figures/interop.py"
