#!/usr/bin/env python3
"""Negative controls: takes guards out of the code, one at a time, and demands that the test which
holds the guard then fails. Rows stand in tests/**/mutants.txt, a blank line between two:

    guard    what is taken out, in words
    file     src/agent/judge.c
    line     the one line of it that is changed, as it stands there
    becomes  what stands there instead; nothing: the line goes
    test     agent_test_judge (a test program of the build)
    fails    the_test_in_it_that_must_fail

    tests/tool/test_mutants.py          all rows; exit status 1 where a guard is not held
    tests/tool/test_mutants.py WORD     only rows in which the word occurs

The changed copy alone is compiled, with the build's own command, and linked in front of the
libraries, so that the linker leaves the original in its archive. The same test, linked in the same
way without a copy, must pass. A mutation tool that changes everything was rejected: it takes hours
and finds mostly lines that are no guards."""
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GODWIT_BUILD", ROOT / "build")).resolve()
KEYS = ("guard", "file", "line", "becomes", "test", "fails")
TIMEOUT_S = 60
# Runs one test of a program, by its name.
ONLY = """
#include <stdlib.h>
void cmocka_set_test_filter(const char *pattern);
__attribute__((constructor)) static void only(void) { cmocka_set_test_filter(getenv("ONLY")); }
"""


class Bad(Exception):
    """A row that can not be followed."""


def read_rows(path):
    for block in re.split(r"\n\s*\n", path.read_text()):
        lines = [l for l in block.splitlines() if l.strip() and not l.startswith("#")]
        if not lines:
            continue
        row = {}
        for line in lines:
            key, _, value = line.strip().partition(" ")
            row[key] = value.strip()
        if tuple(sorted(row)) != tuple(sorted(KEYS)):
            raise Bad(f"{path.relative_to(ROOT)}: a row has {sorted(row)}, not {sorted(KEYS)}")
        yield row


def changed_source(row):
    """The file's text with the row's line changed."""
    lines = (ROOT / row["file"]).read_text().splitlines()
    hits = [i for i, line in enumerate(lines) if line.strip() == row["line"]]
    if len(hits) != 1:
        raise Bad(f"the line stands {len(hits)} times in {row['file']}: {row['line']}")
    lines[hits[0]] = row["becomes"]
    return "\n".join(lines) + "\n"


def run(command, what):
    done = subprocess.run(command, cwd=BUILD, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Bad(f"{what} failed: {done.stdout}{done.stderr}")
    return done.stdout


def compile_command(commands, source, copy, obj):
    """The build's command for a source, on its copy."""
    words = shlex.split(commands[str(ROOT / source)])
    for flag in ("-MF", "-MT"):
        while flag in words:
            at = words.index(flag)
            del words[at:at + 2]
    words = [w for w in words if w not in ("-MD", "ccache") and not w.endswith("/ccache")]
    words[words.index("-o") + 1] = str(obj)
    words[words.index(str(ROOT / source))] = str(copy)
    return words + ["-w", "-O0", "-g0"]


def link_command(test, objects, program):
    lines = run(["ninja", "-t", "commands", f"tests/{test}"], "asking ninja").splitlines()
    words = shlex.split(lines[-1])
    words = words[words.index("&&") + 1:]
    words = words[:words.index("&&")]
    words = [w for w in words if w != "ccache" and not w.endswith("/ccache")]
    at = words.index("-o")
    words[at + 1] = str(program)
    return words[:at + 2] + [str(o) for o in objects] + words[at + 2:]


def fails(program, test):
    """Whether the one test fails; it must exist."""
    try:
        done = subprocess.run([program], cwd=BUILD, capture_output=True, text=True, check=False,
                              timeout=TIMEOUT_S, env=dict(os.environ, ONLY=test))
    except subprocess.TimeoutExpired:
        return True
    if f"RUN      ] {test}\n" not in done.stdout + done.stderr:
        raise Bad(f"there is no test {test}")
    return done.returncode != 0


def judge(index, row, commands, folder):
    """None when the guard is held, else what is wrong."""
    program, copy, obj = (folder / f"{index}{end}" for end in ("", ".c", ".o"))
    only = [folder / "only.o"]
    try:
        if fails(folder / row["test"], row["fails"]):
            return "fails with the guard in place"
        copy.write_text(changed_source(row))
        run(compile_command(commands, row["file"], copy, obj), "compiling")
        run(link_command(row["test"], only + [obj], program), "linking")
        return None if fails(program, row["fails"]) else "passes without the guard"
    except Bad as bad:
        return str(bad)
    finally:
        program.unlink(missing_ok=True)


def main():
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    rows = [row for path in sorted(ROOT.glob("tests/**/mutants.txt"))
            for row in read_rows(path) if any(word in value for value in row.values())]
    commands = {entry["file"]: entry["command"]
                for entry in json.loads((BUILD / "compile_commands.json").read_text())}
    faults = 0
    with tempfile.TemporaryDirectory(prefix="godwit-mutants-") as name:
        folder = pathlib.Path(name)
        (folder / "only.c").write_text(ONLY)
        some = next(iter(commands.values()))
        sanitize = [w for w in shlex.split(some) if w.startswith("-fsanitize")]
        run(["cc", *sanitize, "-c", str(folder / "only.c"), "-o", str(folder / "only.o")],
            "compiling")
        for test in {row["test"] for row in rows}:
            run(link_command(test, [folder / "only.o"], folder / test), "linking")
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            verdicts = pool.map(lambda item: judge(*item, commands, folder), enumerate(rows))
            for row, verdict in zip(rows, verdicts):
                faults += verdict is not None
                if verdict:
                    print(f"{row['guard']}: {row['fails']} {verdict}")
    print(f"mutants: {len(rows)} guards taken out, {faults} not held")
    return 1 if faults or not rows else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Bad as error:
        sys.exit(str(error))
