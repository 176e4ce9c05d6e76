#!/bin/sh
# test.sh: all quick tests, in two builds, then the counts.
#   build       as shipped, warnings are errors: tools, system and example tests, short figures
#   build-asan  the same code under ASan and UBSan: unit, power and golden tests
set -u
cd "$(dirname "$0")/.." || exit 1
started=$(date +%s)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

step() { printf '\n== %s\n' "$1"; }

step "build"
tools/build.sh build -DGODWIT_STRICT=ON || exit 1
step "build with ASan and UBSan"
tools/build.sh build-asan -DGODWIT_STRICT=ON -DGODWIT_SANITIZE=ON || exit 1

passed=0
failed=0
run() { # run DIR LABEL
    ctest --test-dir "$1" -L "$2" --output-on-failure -j 2 2>&1 | tee "$log"
    counts='s/.*tests passed, \([0-9]*\) tests failed out of \([0-9]*\).*'
    total=$(sed -n "$counts/\\2/p" "$log" | tail -1)
    bad=$(sed -n "$counts/\\1/p" "$log" | tail -1)
    if [ -z "$total" ]; then
        echo "no test was found for '$2'" >&2
        total=1 bad=1
    fi
    passed=$((passed + total - bad))
    failed=$((failed + bad))
}

step "unit and power tests under sanitizers"
run build-asan '^(unit|power)$'
step "the rules of the house, device build, peers, fuzz, system"
run build '^(tool|system)$'

printf '\n%s s\n' $(($(date +%s) - started))
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
