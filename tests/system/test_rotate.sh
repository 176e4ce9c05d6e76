#!/bin/bash
# Keys change under a hundred devices (make figure-rotate: ten thousand); and the control: without
# the planner of bridges the late ones are stranded, and each is named by a line to replay.
set -eu
figure=$TESTED_BUILD/tests/figure_rotate
"$figure" --devices 100
if line=$("$figure" --devices 100 --without-bridges 2>&1); then
    echo "the control is not stranded: $line" >&2
    exit 1
fi
echo "$line"
[[ $line =~ stranded=([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -ge 10 ]
# Replayed, a line tells of the same device: what it refused, and what it runs. Not each was offered
# what it would refuse: the rollout halts.
while read -r words; do
    [[ $words == stranded:* ]] || continue
    replayed=$("$figure" ${words#stranded: figure_rotate } 2>/dev/null || true)
    [[ $replayed != *"runs 12.0.0"* ]]
    [[ $replayed == *"not signed by a key that is trusted here"* ]] && exit 0
done <<<"$line"
echo "no replayed device tells what it refused" >&2
exit 1
