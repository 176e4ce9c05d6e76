#!/bin/sh
# Builds the example programs into genuine ESP32-C3 images with the RISC-V compiler and esptool.
#   examples/build.sh [OUT]        OUT: build/examples if not given
# Needs gcc-riscv64-unknown-elf (Debian); esptool comes from tests/venv.sh.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$root/build/examples}
source=$root/examples/minimal
command -v riscv64-unknown-elf-gcc >/dev/null || {
    echo "examples: riscv64-unknown-elf-gcc is missing; apt install gcc-riscv64-unknown-elf" >&2
    exit 1
}
venv=$("$root/tests/venv.sh")
mkdir -p "$out"

# image VERSION KIND DELAY NAME
image() {
    riscv64-unknown-elf-gcc -march=rv32imc -mabi=ilp32 -Os -std=c17 -Wall -Wextra -Werror \
        -ffreestanding -nostdlib -Wl,--gc-sections -T "$source/app.ld" \
        -DVERSION="\"$1\"" -DBEHAVIOUR="$2" -DDELAY_S="$3" "$source/main.c" -o "$out/$4.elf"
    "$venv/bin/esptool" --chip esp32c3 elf2image --flash-mode dio --flash-size 4MB \
        --elf-sha256-offset 0xb0 -o "$out/$4.bin" "$out/$4.elf" >"$out/$4.log" || {
        cat "$out/$4.log" >&2
        exit 1
    }
}

image 1.0.0 0 0 minimal-1.0.0
image 1.1.0 0 0 minimal-1.1.0
image 1.1.0 1 0 minimal-1.1.0-crash-at-boot
image 1.1.0 2 1 minimal-1.1.0-hang
image 1.1.0 3 0 minimal-1.1.0-no-network
image 1.1.0 4 5 minimal-1.1.0-crash-after-confirm
echo "$out"
