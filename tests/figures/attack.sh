#!/usr/bin/env bash
# Figure attack: a hostile server against the agent in an emulated board (`godwit attack`).
# Bars: attacks >= 80, negatives >= 60, accepted = 0, and no case fails otherwise.
# `godwit attack --case NAME` replays one with its whole story.
set -u
cd "$(dirname "$0")/../.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"${GODWIT:-build/godwit}" attack > "$log"
status=$?
grep -A1 -E '^  (ACCEPTED|FAILED) ' "$log"
eval "$(tail -1 "$log" | grep -Eo '(attacks|negatives|controls|accepted|failed)=[0-9]+')"
echo "figure attack attacks=${attacks:-0} negatives=${negatives:-0} accepted=${accepted:-1}" \
    "controls=${controls:-0} failed=${failed:-1}"
[ "$status" -eq 0 ] && [ "${attacks:-0}" -ge 80 ] && [ "${negatives:-0}" -ge 60 ] &&
    [ "${accepted:-1}" -eq 0 ]
