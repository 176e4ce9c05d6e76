#!/usr/bin/env bash
# Figure attack: a hostile server against the agent in an emulated board (`godwit-attack`).
# Bars: attacks >= 80, negatives >= 60, accepted = 0, and no case fails otherwise; the same of 1,000
# medleys, which are random sequences of cases on one board.
# `godwit-attack --case NAME` and `--medley 1 --seed N` replay one with its whole scenario.
set -u
cd "$(dirname "$0")/../.."
log=$(mktemp)
trap 'rm -f "$log" "$log.medley"' EXIT
attack=${GODWIT:-build/godwit}-attack
"$attack" > "$log"
status=$?
"$attack" --medley 1000 > "$log.medley" || status=1
grep -E '^(ACCEPTED|FAILED): ' "$log.medley"
medleys=$(tail -1 "$log.medley")
grep -A1 -E '^  (ACCEPTED|FAILED) ' "$log"
eval "$(tail -1 "$log" | grep -Eo '(attacks|negatives|controls|accepted|failed)=[0-9]+')"
echo "figure attack attacks=${attacks:-0} negatives=${negatives:-0} accepted=${accepted:-1}" \
    "controls=${controls:-0} failed=${failed:-1} $(echo "$medleys" | grep -o '^medleys=[0-9]*')"
[ "$status" -eq 0 ] && [ "${attacks:-0}" -ge 80 ] && [ "${negatives:-0}" -ge 60 ] &&
    [ "${accepted:-1}" -eq 0 ]
