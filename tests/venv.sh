#!/bin/sh
# Makes the test-only Python environment once, and prints where it is.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
venv=${GODWIT_VENV:-$root/build/venv}
stamp=$venv/.installed
if ! cmp -s "$root/tests/requirements.txt" "$stamp"; then
    mkdir -p "$(dirname "$venv")"
    exec 9>"$venv.lock"
    flock 9
    if ! cmp -s "$root/tests/requirements.txt" "$stamp"; then
        echo "tests: installing esptool into $venv …" >&2
        python3 -m venv "$venv" >&2
        "$venv/bin/pip" install -q --disable-pip-version-check -r "$root/tests/requirements.txt" >&2
        cp "$root/tests/requirements.txt" "$stamp"
    fi
fi
echo "$venv"
