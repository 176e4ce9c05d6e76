#!/usr/bin/env python3
"""The device half may need nothing of its surroundings but these names: no heap, no files, no OS.
Prints the size of each file as well. `make test` installs the compiler; without it ctest skips."""
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "device"))
import device_build  # noqa: E402

def symbols(path, *options):
    lines = device_build.tool("nm", *options, path).splitlines()
    return {line.split()[-1] for line in lines if line.strip() and not line.endswith(":")}


def main():
    if not device_build.has_compiler():
        print("skipped: no riscv64-unknown-elf-gcc (Debian: gcc-riscv64-unknown-elf)")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        objects = device_build.compile_all(folder)
        defined, wanted, unprefixed = set(), set(), set()
        print(f"{'file':<28}{'text':>8}{'data':>6}{'bss':>6}")
        for source, obj in objects:
            text, data, bss = device_build.tool("size", obj).splitlines()[1].split()[:3]
            print(f"{source.parent.name + '/' + source.name:<28}{text:>8}{data:>6}{bss:>6}")
            own = symbols(obj, "--defined-only", "--extern-only")
            unprefixed |= {name for name in own if not name.startswith("godwit_")}
            defined |= own
            wanted |= symbols(obj, "--undefined-only")
    foreign = wanted - defined - device_build.ALLOWED
    for name in sorted(foreign):
        print(f"error: {name} is needed and not on the list of allowed names")
    for name in sorted(unprefixed):
        print(f"error: {name} can end in someone's firmware and has no godwit_ in front")
    print(f"needed from outside: {' '.join(sorted(wanted - defined))}")
    return 1 if foreign or unprefixed else 0


if __name__ == "__main__":
    sys.exit(main())
