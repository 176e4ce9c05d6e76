"""Builds base, formats and agent for a 32-bit RISC-V chip, as a device's firmware would."""
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PREFIX = "riscv64-unknown-elf-"
SOURCES = ROOT / "src" / "device_sources.txt"
# -msave-restore: registers are saved by a shared routine, as ESP-IDF offers for size
# (CONFIG_COMPILER_SAVE_RESTORE_LIBCALLS).
TARGET = ["-march=rv32imc", "-mabi=ilp32", "-Os", "-msave-restore", "-mtune=size"]
# Only errors are logged on a device; section per function, so that the linker can drop the rest.
FLAGS = ["-std=gnu17", "--specs=picolibc.specs", "-Wall", "-Wextra", "-Werror",
         "-ffunction-sections", "-fdata-sections", "-DGODWIT_LOG_LEVEL=GODWIT_LOG_ERROR",
         "-Itests/device/include", "-Iinclude"]
PLAIN = ["-fcallgraph-info=su"]
LTO = PLAIN + ["-flto"]  # optimised as one program when it is linked
# What a program calls: everything else must be reachable from these or is dropped.
ENTRIES = ["godwit_agent_init", "godwit_agent_step", "godwit_agent_wake", "godwit_agent_confirm",
           "godwit_agent_get_status", "godwit_state_name"]

# All that the device half may need of its surroundings.
ALLOWED = {
    # C library
    "memcpy", "memcmp", "memset", "memmove", "memchr", "strlen", "strcmp", "strncmp",
    "abort",
    # helpers of the compiler
    "__udivdi3", "__umoddi3", "__divdi3", "__ashldi3", "__lshrdi3", "__muldi3", "__clzsi2",
    # the seam to cryptography: base/crypto.h
    "godwit_hash_init", "godwit_hash_update", "godwit_hash_peek", "godwit_md5",
    "godwit_verify_rsa3072", "godwit_verify_p256", "godwit_verify_p384",
} | {f"__riscv_{what}_{n}" for what in ("save", "restore") for n in range(13)}  # -msave-restore


def has_compiler():
    return shutil.which(PREFIX + "gcc") is not None


def tool(name, *args):
    done = subprocess.run([PREFIX + name, *map(str, args)], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise SystemExit(f"{PREFIX}{name} failed:\n{done.stdout}")
    return done.stdout


def compile_all(folder, how=PLAIN):
    """One object per source; returns [(source, object)]. how: PLAIN or LTO."""
    objects = []
    for name in SOURCES.read_text().split():
        source = ROOT / name
        obj = pathlib.Path(folder, f"{source.parent.name}_{source.stem}.o")
        tool("gcc", *TARGET, *FLAGS, *how, "-Isrc", "-c", name, "-o", obj)
        objects.append((source, obj))
    return objects


def link(folder, objects, how=PLAIN):
    """Only what ENTRIES reach. What stands outside is a stub in a section of its own, near by as in
    a real firmware, so that calls to it get their real length."""
    elf, stubs = pathlib.Path(folder, "agent.elf"), pathlib.Path(folder, "outside.S")
    stubs.write_text('.section .outside,"ax",@progbits\n' +
                     "".join(f".global {name}\n{name}: ret\n" for name in sorted(ALLOWED)))
    undefined = [f"-Wl,-u,{name}" for name in ENTRIES]
    tool("gcc", *TARGET, *how, "-nostdlib", "-Wl,--gc-sections", f"-Wl,-e,{ENTRIES[0]}", *undefined,
         "-Wl,--no-warn-rwx-segments", stubs, *[obj for _, obj in objects], "-o", elf)
    return elf


def section_sizes(path):
    sizes = {}
    for line in tool("size", "-A", path).splitlines():
        match = re.match(r"\.(\w+)\S*\s+(\d+)\s", line)
        if match:
            sizes[match[1]] = sizes.get(match[1], 0) + int(match[2])
    return sizes
