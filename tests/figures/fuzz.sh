#!/usr/bin/env bash
# Figure fuzz: at least a million executions of each parser from its corpus, under ASan and UBSan.
# Bars: targets >= 5, execs_min >= 1000000, findings = 0.
set -u
cd "$(dirname "$0")/../.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
tests/fuzz/run.sh 1000000 | tee "$log"
line=$(tail -1 "$log")
eval "$(echo "$line" | grep -Eo '(targets|execs_min|findings)=[0-9]+')"
echo "figure fuzz targets=${targets:-0} execs_min=${execs_min:-0} findings=${findings:-1}"
[ "${targets:-0}" -ge 5 ] && [ "${execs_min:-0}" -ge 1000000 ] && [ "${findings:-1}" -eq 0 ]
