#!/bin/sh
# run.sh: the service on ./godwit-data with five emulated ESP32s, until Ctrl-C. What it makes is
# kept, so a second run goes on where the first ended. GODWIT_DATA, GODWIT_LISTEN change the places.
set -eu
cd "$(dirname "$0")/.."
godwit=${GODWIT:-build/godwit}
export GODWIT_DATA="${GODWIT_DATA:-godwit-data}"
data=$GODWIT_DATA
listen=${GODWIT_LISTEN:-127.0.0.1:8443}
examples=$data/examples
key=$data/example-key.pem
serve_pid="" fleet_pid=""

end() { # by pid, the devices first
    trap - EXIT INT TERM HUP
    for pid in $fleet_pid $serve_pid; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
}
trap end EXIT
trap 'end; exit 0' INT TERM HUP

served() { # whether our own server still runs; else what it said last, and the end
    kill -0 "$serve_pid" 2>/dev/null && return
    serve_pid=""
    tail -n 1 "$data/serve.log" >&2
    exit 1
}

serve() {
    mkdir -p -m 700 "$data"
    "$godwit" serve --data "$data" --listen "$listen" --interval 2 --soak 5 2>>"$data/serve.log" &
    serve_pid=$!
    tries=0
    until "$godwit" status >/dev/null 2>&1; do
        served
        tries=$((tries + 1))
        [ "$tries" -lt 1200 ] || { echo "the service does not answer at $listen" >&2; exit 1; }
        sleep 0.1
    done
    sleep 0.3 # another server on this data would have answered for ours
    served
}

pack() { # pack VERSION [option…]: a signed example image, made once
    version=$1
    shift
    image=$examples/thermostat-$version.bin
    [ -f "$image" ] && return
    "$godwit" pack --chip esp32c3 --project thermostat --version "$version" --size 262144 "$@" \
        "$image.unsigned"
    "$godwit" sign --key "$key" "$image.unsigned" "$image.part" 2>>"$data/serve.log"
    mv "$image.part" "$image"
    rm "$image.unsigned"
}

enrol() { # what the five devices need; the token is kept, for it may be used again by the same five
    "$godwit" upload "$examples/thermostat-1.0.0.bin" >/dev/null
    "$godwit" claim policy thermostat --out "$examples/thermostat.policy" >/dev/null
    if ! [ -s "$examples/claim-token" ]; then
        "$godwit" claim add thermostat --count 5 --out "$examples/claim-token" >/dev/null
    fi
}

url() { sed -n 's/.*"url": *"\([^"]*\)".*/\1/p' "$data/server.json"; }

next_commands() {
    cat <<END

Five emulated ESP32s run thermostat 1.0.0 or what was deployed to them since. In a second terminal:

  $godwit status
  $godwit upload $examples/thermostat-1.1.0.bin
  $godwit deploy thermostat 1.1.0 --wait

$examples/thermostat-1.2.0.bin crashes at boot: upload and deploy it to see devices roll back.
Their flash is in $data/devices, what the service logs in $data/serve.log. Ctrl-C ends everything.

END
}

serve
mkdir -p "$examples"
[ -f "$key" ] || "$godwit" keygen --scheme ecdsa256 "$key" >/dev/null
pack 1.0.0
pack 1.1.0
pack 1.2.0 --behaviour crash-at-boot
enrol
next_commands
"$godwit" fleet --count 5 --dir "$data/devices" --mac 02:67:77:00:00:01 --server "$(url)" \
    --claim "@$examples/claim-token" --initial-policy "$examples/thermostat.policy" \
    --image "$examples/thermostat-1.0.0.bin" --interval 2 &
fleet_pid=$!
wait "$fleet_pid" || echo "the emulated devices ended early" >&2
exit 1
