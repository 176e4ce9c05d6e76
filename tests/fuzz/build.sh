#!/usr/bin/env bash
# Builds the fuzz targets with clang into build-fuzz (or $FUZZ_BUILD). Tells what is missing.
set -eu
cd "$(dirname "$0")/../.."
build=${FUZZ_BUILD:-build-fuzz}
clang=$(command -v clang-14 || command -v clang || true)
if [ -z "$clang" ]; then
    echo "clang is not installed: run: make deps" >&2
    exit 1
fi
mkdir -p "$build"
{
    cmake -G Ninja -S tests/fuzz -B "$build" -DCMAKE_C_COMPILER="$clang" &&
        ninja -j2 -C "$build" "$@"
} >"$build/log" 2>&1 || {
    cat "$build/log" >&2
    exit 1
}
