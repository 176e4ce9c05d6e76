#!/usr/bin/env python3
"""Negative controls: takes guards out of the code, one at a time, and demands that the test which
holds the guard then fails. Rows stand in tests/**/mutants.txt, a blank line between two:

    guard    what is taken out, in words
    in       godwit_check: the function that holds the guard, in whichever file of src/ it is
    code     the piece of its code that is changed; it occurs once in the function. White space
             and comments do not count
    becomes  what stands there instead; nothing: the piece goes
    test     agent_test_check_instruction (a test program of the build)
    fails    the_test_in_it_that_must_fail

    tests/tool/test_mutants.py          all rows; exit status 1 where a guard is not held
    tests/tool/test_mutants.py WORD     only rows in which the word occurs

The changed copy alone is compiled (tests/tool/mutant.py). The same test, linked in the same way
without a copy, must pass. A mutation tool that changes everything was rejected: it takes hours and
finds mostly lines that are no guards."""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from mutant import BUILD, ROOT, Bad, changed_source, compile_copy, compile_text, link

KEYS = ("guard", "in", "code", "becomes", "test", "fails")
TIMEOUT_S = 300  # with the guard: only a true hang lasts so long
HANG_S = 60  # without it some hang, which is a failure like another
# Runs one test of a program, by its name.
ONLY = """
#include <stdlib.h>
void cmocka_set_test_filter(const char *pattern);
__attribute__((constructor)) static void only(void) { cmocka_set_test_filter(getenv("ONLY")); }
"""


def read_rows(path):
    for block in re.split(r"\n\s*\n", path.read_text()):
        lines = [l for l in block.splitlines() if l.strip() and not l.startswith("#")]
        if not lines:
            continue
        row = {}
        for line in lines:
            key, _, value = line.strip().partition(" ")
            if key in row:
                raise Bad(f"{path.relative_to(ROOT)}: two rows without a blank line: {value}")
            row[key] = value.strip()
        if tuple(sorted(row)) != tuple(sorted(KEYS)):
            raise Bad(f"{path.relative_to(ROOT)}: a row has {sorted(row)}, not {sorted(KEYS)}")
        yield row


def fails(program, test, timeout_s):
    """Whether the one test fails; it must exist."""
    try:
        done = subprocess.run([program], cwd=BUILD, capture_output=True, text=True, check=False,
                              timeout=timeout_s, env=dict(os.environ, ONLY=test))
    except subprocess.TimeoutExpired:
        return True
    if f"RUN      ] {test}\n" not in done.stdout + done.stderr:
        raise Bad(f"there is no test {test}")
    return done.returncode != 0


def judge(index, row, folder):
    """None when the guard is held, else what is wrong."""
    program, copy, obj = (folder / f"{index}{end}" for end in ("", ".c", ".o"))
    try:
        if fails(folder / row["test"], row["fails"], TIMEOUT_S):
            return "fails with the guard in place"
        source, text = changed_source(row["in"], row["code"], row["becomes"])
        copy.write_text(text)
        compile_copy(source, copy, obj)
        link(f"tests/{row['test']}", [folder / "only.o", obj], program)
        return None if fails(program, row["fails"], HANG_S) else "passes without the guard"
    except Bad as bad:
        return str(bad)
    finally:
        program.unlink(missing_ok=True)


def main():
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    rows = [row for path in sorted(ROOT.glob("tests/**/mutants.txt"))
            for row in read_rows(path) if any(word in value for value in row.values())]
    faults = 0
    with tempfile.TemporaryDirectory(prefix="godwit-mutants-") as name:
        folder = pathlib.Path(name)
        compile_text(ONLY, folder / "only.o")
        for test in {row["test"] for row in rows}:
            link(f"tests/{test}", [folder / "only.o"], folder / test)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            verdicts = pool.map(lambda item: judge(*item, folder), enumerate(rows))
            for row, verdict in zip(rows, verdicts):
                faults += verdict is not None
                if verdict:
                    print(f"{row['guard']}: {row['fails']} {verdict}", flush=True)
    print(f"mutants: {len(rows)} guards taken out, {faults} not held")
    return 1 if faults or not rows else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Bad as error:
        sys.exit(str(error))
