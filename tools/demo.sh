#!/bin/sh
# demo.sh: the tour in a terminal, unattended, in a temporary data directory on a free port. Each
# step is checked by what the server says (JSON); the first that is not as expected ends it with 1.
set -eu
cd "$(dirname "$0")/.."
godwit=${GODWIT:-build/godwit}
work=$(mktemp -d "${TMPDIR:-/tmp}/godwit-demo-XXXXXX") # the maker's desk
export GODWIT_DATA="$work/data"                        # the service's
serve_pid="" fleet_pid="" begun=$(date +%s)

end() {
    trap - EXIT INT TERM HUP
    for pid in $fleet_pid $serve_pid; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap end EXIT
trap 'end; exit 130' INT TERM HUP

if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold="" plain=""; fi
tell() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
show() { # a command as one would type it, then its output
    printf '$ godwit %s\n' "$(echo "$*" | sed "s|$work/||g")"
    "$godwit" "$@"
}
fail() {
    echo "demo: not as expected: $*" >&2
    tail -n 5 "$work"/*.log >&2 || true
    exit 1
}
wait_for() { # wait_for SECONDS WHAT COMMAND…: until the command succeeds
    tries=$(($1 * 5))
    what=$2
    shift 2
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "$what"
        sleep 0.2
    done
}
answers() { "$godwit" status >/dev/null 2>&1; }
devices_with() { "$godwit" devices --json | grep -c "\"$1\": $2" || true; } # how many devices
all_run() {
    [ "$(devices_with version "\"$1\"")" = 5 ] && [ "$(devices_with on_trial false)" = 5 ]
}
checkins() { "$godwit" devices "$1" --json | sed -n 's/.*"checkins": \([0-9]*\).*/\1/p'; }
checked_in_since() { [ "$(checkins "$1")" -gt "$2" ]; }
pack() { # pack VERSION [option…]
    version=$1
    shift
    "$godwit" pack --chip esp32c3 --project thermostat --version "$version" --size 131072 "$@" \
        "$work/plain.bin" >/dev/null
    "$godwit" sign --key "$work/key.pem" "$work/plain.bin" "$work/thermostat-$version.bin" \
        2>>"$work/sign.log" || fail "$version is signed"
}

tell "A service; a signing key that it never sees; three releases of a thermostat."
"$godwit" serve --data "$GODWIT_DATA" --listen 127.0.0.1:0 --interval 1 --soak 1 \
    >"$work/serve.log" 2>&1 &
serve_pid=$!
wait_for 120 "the service starts" answers
"$godwit" keygen --scheme ecdsa256 "$work/key.pem" >/dev/null
pack 1.0.0
pack 1.1.0
pack 1.2.0 --behaviour crash-at-boot
show upload "$work/thermostat-1.0.0.bin"

tell "Five emulated ESP32s join; each has its own flash, bootloader and agent."
"$godwit" claim policy thermostat --out "$work/seed" >/dev/null
"$godwit" claim add thermostat --count 5 --out "$work/claim" >/dev/null
url=$(sed -n 's/.*"url": *"\([^"]*\)".*/\1/p' "$GODWIT_DATA/server.json")
"$godwit" fleet --count 5 --dir "$work/devices" --mac 02:67:77:00:00:01 --server "$url" \
    --claim "@$work/claim" --initial-policy "$work/seed" \
    --image "$work/thermostat-1.0.0.bin" --interval 1 >"$work/fleet.log" 2>&1 &
fleet_pid=$!
wait_for 120 "five devices run 1.0.0" all_run 1.0.0
show devices

tell "A good release: 1.1.0 to all five."
show upload "$work/thermostat-1.1.0.bin"
show deploy thermostat 1.1.0 --wait --timeout 120 || fail "five devices confirm 1.1.0"
all_run 1.1.0 || fail "all five run 1.1.0"

tell "A bad release: 1.2.0 is properly signed, but crashes at boot. It goes to one device."
show upload "$work/thermostat-1.2.0.bin"
if show deploy thermostat 1.2.0 --to 026777000001 --wait --timeout 120; then
    fail "1.2.0 fails on 026777000001"
fi

tell "The device rolled back by itself, and says why:"
show devices 026777000001 | sed -n '1,3p; /history/,$p'
"$godwit" devices 026777000001 --json >"$work/device.json"
grep -q '"reason": "trial-panic"' "$work/device.json" || fail "the reason is trial-panic"

tell "No device is lost: all five still check in, and run 1.1.0."
for device in 1 2 3 4 5; do
    before=$(checkins 02677700000$device)
    wait_for 120 "device $device checks in again" checked_in_since 02677700000$device "$before"
done
wait_for 120 "all five run 1.1.0" all_run 1.1.0
kill -0 "$fleet_pid" 2>/dev/null || fail "the devices are alive"
show devices
tell "All as expected, in $(($(date +%s) - begun)) s."
