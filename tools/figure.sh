#!/bin/sh
# figure.sh NAME…: measures each figure and prints its line; exit 1 when one misses its bar.
# A figure is tests/figures/NAME.sh, NAME.py or figure_NAME.c.
set -u
cd "$(dirname "$0")/.." || exit 1
build=$(tools/build.sh build 2>&1) || { echo "$build" >&2; exit 1; }
status=0
for name in "$@"; do
    if [ -f "tests/figures/$name.sh" ]; then bash "tests/figures/$name.sh"
    elif [ -f "tests/figures/$name.py" ]; then python3 "tests/figures/$name.py"
    elif [ -x "build/tests/figure_$name" ]; then "build/tests/figure_$name"
    else echo "no figure is called '$name'" >&2; false
    fi || { status=1; echo "figure $name misses its bar" >&2; }
done
exit $status
