#!/bin/sh
# install.sh run|test: installs from Debian what building and running (run) or also testing (test)
# needs, and nothing when all of it is there. As root, or with sudo.
set -eu

run="gcc libc6-dev make cmake ninja-build pkg-config libuv1-dev node-llhttp libssl-dev
libjansson-dev libsqlite3-dev libcurl4-openssl-dev libargon2-dev liboath-dev"
test="$run g++ python3 python3-venv libcmocka-dev gcc-riscv64-unknown-elf
picolibc-riscv64-unknown-elf binutils-riscv64-unknown-elf clang-14 clang-tidy-14
libclang-rt-14-dev pmccabe postgresql-15 nginx-light curl openssl git"

case "${1:-}" in
run) wanted=$run ;;
test) wanted=$test ;;
*) echo "usage: tools/install.sh run|test" >&2; exit 2 ;;
esac

missing=""
for package in $wanted; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok' ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then as_root=""
elif command -v sudo >/dev/null; then as_root="sudo"
else
    echo "these Debian packages are missing:$missing" >&2
    echo "run this as root, or install sudo" >&2
    exit 1
fi

echo "installing from Debian:$missing"
$as_root apt-get update -q=2 || { echo "apt-get update failed; is the network up?" >&2; exit 1; }
# shellcheck disable=SC2086 # a list of words on purpose
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q=1 --no-install-recommends $missing
