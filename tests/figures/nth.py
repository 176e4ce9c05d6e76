#!/usr/bin/env python3
"""Figure nth: whole scenarios of a device are told while the n-th call out of its agent fails, for
every n (tests/figures/figure_nth.c says which); then every error return of the device's code that
no test has ever taken is listed.

    nth.py                   all of it
    nth.py --replay …        one case again, as a line `wrong: …` names it
    nth.py --coverage        only the list
    nth.py --selftest        only the negative controls

Negative controls: a scenario played with an agent that ignores one error (CONTROLS: one line of a
copy of its source is changed) must go wrong.

An error return is a line of src/base, src/formats or src/agent that returns an error or a reason,
or calls what notes a failure, and belongs to a statement of its own: gcov must have seen every
block of it run, in the unit tests of these three folders or in the scenarios. They are built anew
for that, into build-cov, without optimisation. The rules of the image parser return nothing: they
are taken out one by one, tests/unit/formats/mutants.txt."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TESTED_BUILD", ROOT / "build"))
COVERED = ROOT / "build-cov"
FOLDERS = ("base", "formats", "agent")
# An error handed on, a reason given, or a call of one of the functions that note a failure.
ERROR_RETURN = re.compile(
    r"return\b[^;]*\b(GODWIT_ERR_\w+|err|reason|GODWIT_REASON_(?!NONE\b)\w+)\b"
    r"|[?:]\s*(GODWIT_ERR_\w+|GODWIT_REASON_(?!NONE\b)\w+)"
    r"|\b(godwit_fail|godwit_fail_of|fail|refuse|fault|give_up|stay_here|no_reply|try_again)\(")
DEFINITION = re.compile(r"^(static |enum |struct |godwit_err |bool |void )")

def run(*words, **options):
    return subprocess.run([str(word) for word in words], text=True, **options)


def tell(program, *words):
    """(cases, wrong) of the scenarios; what went wrong is printed by them."""
    done = run(program, *words, stdout=subprocess.PIPE)
    print(done.stdout, end="", flush=True)
    found = re.search(r"^faults cases=(\d+) wrong=(\d+)", done.stdout, re.M)
    return (int(found[1]), int(found[2])) if found else (0, 1)


# ---- coverage

def build_covered():
    # The path of the compiler's cache is of no use here: notes and objects must belong together.
    environment = dict(os.environ, CMAKE_C_COMPILER_LAUNCHER="")
    run("cmake", "-G", "Ninja", "-B", COVERED, "-DCMAKE_BUILD_TYPE=Debug",
        "-DCMAKE_C_FLAGS=--coverage -O0", check=True, capture_output=True, env=environment,
        cwd=ROOT)
    tests = [f"{folder}_{path.stem}" for folder in FOLDERS
             for path in sorted((ROOT / "tests/unit" / folder).glob("test_*.c"))]
    done = run("ninja", "-C", COVERED, "figure_nth", *tests, capture_output=True)
    if done.returncode:
        sys.exit(done.stdout[-4000:])
    return tests


def notes():
    return sorted(path for folder in FOLDERS
                  for path in (COVERED / f"CMakeFiles/godwit_{folder}.dir").rglob("*.gcda"))


def lines_seen():
    """{source: {line: every block of it has run}}"""
    seen = {}
    for note in notes():
        done = run("gcov", "--json-format", "--stdout", "--branch-probabilities", note.name,
                   cwd=note.parent, capture_output=True, check=True)
        for file in json.loads(done.stdout)["files"]:
            path = pathlib.Path(os.path.normpath(COVERED / file["file"]))
            if path.suffix != ".c" or ROOT / "src" not in path.parents:
                continue
            lines = seen.setdefault(path.relative_to(ROOT), {})
            for line in file["lines"]:
                is_run = line["count"] > 0 and not line["unexecuted_block"]
                number = line["line_number"]
                lines[number] = lines.get(number, False) or is_run
    return seen


def error_returns(text):
    """Numbers of the lines that return an error."""
    bare = re.sub(r"/\*.*?\*/", lambda found: re.sub(r"[^\n]", " ", found[0]), text, flags=re.S)
    return [number for number, line in enumerate(bare.split("\n"), 1)
            if ERROR_RETURN.search(line) and not DEFINITION.match(line)]


def uncovered():
    tests = build_covered()
    for note in notes():
        note.unlink()
    for test in tests:
        done = run(COVERED / "tests" / test, capture_output=True)
        if done.returncode:
            print(f"coverage: {test} fails", flush=True)
    run(COVERED / "tests/figure_nth", "--once", capture_output=True)
    seen, missing, count = lines_seen(), [], 0
    for folder in FOLDERS:
        for path in sorted((ROOT / "src" / folder).glob("*.c")):
            name, lines = path.relative_to(ROOT), path.read_text().split("\n")
            for number in error_returns(path.read_text()):
                is_run = seen.get(name, {}).get(number)
                count += is_run is not None or name not in seen
                if is_run is False or name not in seen:
                    missing.append(f"{name}:{number}: {lines[number - 1].strip()}")
    for line in missing:
        print(f"uncovered: {line}")
    print(f"error returns: {count}")
    return len(missing)


# ---- negative controls

# One error that a copy of the agent's source ignores: file, line, what it becomes, and a scenario
# that must go wrong then.
CONTROLS = (
    ("src/agent/check_image.c",
     "if (godwit_sigblock_check(agent->sector + i * GODWIT_SIGBLOCK_SIZE, &digests, block)) {",
     "if (godwit_sigblock_check(agent->sector + i * GODWIT_SIGBLOCK_SIZE, &digests, block) == "
     "GODWIT_ERR_TRUST) {", "forged-signature"),
    ("src/agent/slot.c", "    if (err) return err;\n    agent->clearing =",
     "    if (err && err != GODWIT_ERR_IO) return err;\n    agent->clearing =", "resume"),
    ("src/agent/trust_policy.c",
     "if (godwit_flash_read(agent, offset, data, sizeof data)) return GODWIT_REASON_FLASH;",
     "if (godwit_flash_read(agent, offset, data, sizeof data)) memset(data, 0, sizeof data);",
     "forged-old-key"),
    ("src/agent/journal.c", "        if (err) return err;\n        written +=",
     "        if (err) memset(agent->sector, 0, sizeof agent->sector);\n        written +=",
     "back-crash-loop"),
    ("src/agent/journal.c", "        godwit_err err = load_entries(agent);",
     "        godwit_err err = load_entries(agent) ? GODWIT_OK : GODWIT_OK;", "resume"),
)


def build_control(folder, source, line, becomes):
    """figure_nth with that one object in front of the agent's library; nothing else is new."""
    text = (ROOT / source).read_text()
    if text.count(line) != 1:
        sys.exit(f"nth.py: a control no longer fits: {source}: {line}")
    copy, thing, program = folder / "control.c", folder / "control.o", folder / "figure_nth"
    copy.write_text(text.replace(line, becomes))
    commands = json.loads((BUILD / "compile_commands.json").read_text())
    command = next(one["command"] for one in commands if one["file"].endswith("/" + source))
    command = re.sub(r" -o \S+ -c \S+", f" -w -o {thing} -c {copy}", command)
    run("sh", "-c", command, check=True, cwd=BUILD)
    done = run("ninja", "-C", BUILD, "-t", "commands", "tests/figure_nth", check=True,
               capture_output=True)
    command = done.stdout.strip().split("\n")[-1]
    command = command.replace(" -o tests/figure_nth ", f" {thing} -o {program} ")
    run("sh", "-c", command, check=True, cwd=BUILD)
    return program


def selftest():
    """How many controls went unnoticed."""
    missed = 0
    for source, line, becomes, story in CONTROLS:
        with tempfile.TemporaryDirectory() as name:
            program = build_control(pathlib.Path(name), source, line, becomes)
            done = run(program, "--scenarios", story, capture_output=True)
            plain = run(BUILD / "tests/figure_nth", "--scenarios", story, capture_output=True)
        wrong, normal = (int(re.search(r"wrong=(\d+)", one.stdout)[1]) for one in (done, plain))
        print(f"control {source}, {story}: wrong={wrong} (without it {normal})", flush=True)
        missed += wrong <= normal
    return missed


def main():
    words = sys.argv[1:]
    if words[:1] == ["--replay"]:
        return run(BUILD / "tests/figure_nth", *words).returncode
    if words == ["--coverage"]:
        return uncovered() > 0
    if words == ["--selftest"]:
        return selftest() > 0
    missed = selftest()
    cases, wrong = tell(BUILD / "tests/figure_nth")
    missing = uncovered()
    print(f"figure nth cases={cases} wrong={wrong} uncovered_error_returns={missing}")
    return 0 if cases and not wrong and not missing and not missed else 1


if __name__ == "__main__":
    sys.exit(main())
