#!/bin/bash
# Thirty days of a small herd (make figure-fleetsim: ten thousand devices, twenty seeds); then the
# controls: each takes away what one number stands on, and that number shows it. Equal runs are
# equal, and a line of a broken promise tells how to see it again.
set -eu
figure=$TESTED_BUILD/tests/figure_fleetsim
"$figure" --devices 300 --seeds 2

trace() {
    "$figure" --devices 80 --seed 3 | grep -o 'trace .*'
}
[ "$(trace)" = "$(trace)" ]

declare -A number=(
    [unsigned]=unsigned [limits]=limits_broken [bricked]=bricked [unfinished]=unfinished
)
for control in "${!number[@]}"; do
    if said=$("$figure" --devices 80 --seed 1 --control "$control" 2>&1); then
        echo "without what $control stands on the figure is met: $said" >&2
        exit 1
    fi
    line=$(tail -n 1 <<<"$said")
    echo "$control: $line"
    [[ $line =~ " ${number[$control]}="([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -gt 0 ]
    [ "$control" = unsigned ] && blamed=$(grep -m 1 -o 'figure_fleetsim .*' <<<"$said")
done
read -ra words <<<"${blamed#figure_fleetsim }"
replayed=$("$figure" "${words[@]}" 2>/dev/null || true)
grep -q ' boots ' <<<"$replayed"
