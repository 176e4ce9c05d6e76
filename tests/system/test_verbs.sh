#!/bin/bash
# Every verb against a device that stands anywhere in an update; and the control: where a pause is
# none, the figure says so.
set -eu
figure=$TESTED_BUILD/tests/figure_verbs
"$figure"
if said=$("$figure" --control); then
    echo "without pauses nothing is wrong: $said" >&2
    exit 1
fi
[[ $said =~ "WRONG verified, pause" ]]
