#!/usr/bin/env bash
# run.sh RUNS: each target at least RUNS times from its corpus, two at a time, under ASan and UBSan.
# Prints "target execs=N findings=N seconds=N" per target, then the totals; exit 1 on a finding.
# What a finding was is kept in build-fuzz/findings, one file per input.
set -u
cd "$(dirname "$0")/../.."
runs=${1:?usage: run.sh RUNS}
export FUZZ_BUILD=${FUZZ_BUILD:-build-fuzz}
tests/fuzz/build.sh || exit 1
mkdir -p "$FUZZ_BUILD/findings"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

one() { # one TARGET RUNS WORK
    name=$1 started=$(date +%s)
    mkdir -p "$3/$name"
    "$FUZZ_BUILD/fuzz_$name" -runs="$2" -seed=1 -timeout=20 -rss_limit_mb=1024 \
        -print_final_stats=1 -artifact_prefix="$FUZZ_BUILD/findings/$name-" \
        "$3/$name" "tests/fuzz/corpus/$name" >"$3/$name.log" 2>&1
    status=$?
    execs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$3/$name.log")
    findings=0
    if [ "$status" != 0 ]; then
        findings=1
        tail -40 "$3/$name.log" >&2
    fi
    echo "$name execs=${execs:-0} findings=$findings seconds=$(($(date +%s) - started))" |
        tee "$3/$name.result"
}
export -f one

for source in tests/fuzz/fuzz_*.c; do
    basename "$source" .c | sed 's/^fuzz_//'
done | xargs -P 2 -I{} bash -c 'one "$@"' one {} "$runs" "$work"

cat "$work"/*.result | awk -F '[ =]' '
    { targets++; findings += $5; if (least == "" || $3 + 0 < least) least = $3 + 0 }
    END { printf "targets=%d execs_min=%d findings=%d\n", targets, least, findings
          exit findings > 0 || targets == 0 }'
