#!/bin/sh
# A stolen server, a sample of its attempts (make figure-drill: all).
exec python3 tests/figures/drill.py --short
