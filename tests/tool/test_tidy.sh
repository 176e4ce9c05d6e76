#!/usr/bin/env bash
# The rules of the house: that each can fail, and that the tree breaks none.
set -eu
python3 tools/tidy.py --selftest
python3 tools/tidy.py
