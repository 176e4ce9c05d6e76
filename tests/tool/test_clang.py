"""Clang accepts every C file of the build with our own warnings as errors, as GCC does; each
compiler warns of what the other does not see. Only the front end runs: all of Clang's warnings come
from there, and it takes a fifth of the time. `cmake --preset clang` builds the programs. Then
clang-tidy asks of src/ what .clang-tidy lists. Both must refuse a bad file."""
import concurrent.futures
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TESTED_BUILD", ROOT / "build"))
CLANG, TIDY = "clang-14", "clang-tidy-14"
BAD = "unsigned char narrow(int a);\nunsigned char narrow(int a) { return a; }\n"
UNTIDY = "int twice(int a);\nint twice(int b) { return b * 2; }\n"


def front_end(source, words, folder):
    """What Clang says of one source; nothing is written."""
    return subprocess.run([CLANG, "-fsyntax-only", "-std=gnu17", "-Werror", *words, source],
                          capture_output=True, text=True, check=False, cwd=folder)


def flags(entry):
    """Of the build's command, what both compilers understand."""
    words = shlex.split(entry["command"])
    return [word for at, word in enumerate(words)
            if word.startswith(("-I", "-D", "-W")) or "-isystem" in words[max(at - 1, 0):at + 1]]


def tidy(source, *options):
    return subprocess.run([TIDY, "--quiet", f"--config-file={ROOT}/.clang-tidy", *options, source],
                          capture_output=True, text=True, check=False)


def show_failing(entry):
    with tempfile.TemporaryDirectory() as folder:
        bad, untidy = pathlib.Path(folder, "bad.c"), pathlib.Path(folder, "untidy.c")
        bad.write_text(BAD)
        untidy.write_text(UNTIDY)
        assert front_end(bad, flags(entry), folder).returncode, "a loss of bits is not seen"
        assert tidy(str(untidy), "--").returncode, "two names of a parameter are not seen"


def main():
    for tool in (CLANG, TIDY):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing; run: make deps")
    entries = [entry for entry in json.loads((BUILD / "compile_commands.json").read_text())
               if entry["file"].startswith((f"{ROOT}/src/", f"{ROOT}/tests/"))]
    assert len(entries) > 100, f"{BUILD} has only {len(entries)} of our sources"
    show_failing(entries[0])
    product = {e["file"] for e in entries if e["file"].startswith(f"{ROOT}/src/")}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        done = [*pool.map(lambda e: front_end(e["file"], flags(e), e["directory"]), entries),
                *pool.map(lambda source: tidy(source, "-p", str(BUILD)), sorted(product))]
    refused = [result for result in done if result.returncode]
    for result in refused:
        print(result.stdout, result.stderr)
    print(f"clang: {len(entries)} files, clang-tidy: {len(product)}, {len(refused)} refused")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
