#!/usr/bin/env bash
# The short run of every fuzz target; the long one is the figure `fuzz`.
set -eu
exec tests/fuzz/run.sh 20000
