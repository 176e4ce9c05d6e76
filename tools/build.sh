#!/bin/sh
# build.sh DIR [cmake options]: configures, builds, and says what to install when it can not.
set -eu
dir=${1:-build}
[ $# -gt 0 ] && shift

for tool in cmake ninja pkg-config; do
    command -v $tool >/dev/null || { echo "$tool is missing; run: make deps" >&2; exit 1; }
done
tests=ON
pkg-config --exists cmocka || tests=OFF # a user who only runs needs no test library
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! cmake -G Ninja -B "$dir" -DGODWIT_TESTS=$tests "$@" >"$log" 2>&1; then
    cat "$log" >&2
    echo "configuring failed; run: make deps" >&2
    exit 1
fi
ninja -C "$dir"
