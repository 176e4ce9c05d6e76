#!/bin/sh
# A database of the first schema under the present program (make figure-upgrade: each schema).
exec python3 tests/figures/upgrade.py --short
