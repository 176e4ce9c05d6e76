#!/usr/bin/env python3
"""The server is stolen whole: its database, the deploy key, the TLS key and a shell. The thief has
no image key, for those never were there. Each attempt of `godwit-attack` in which the server
attacks (S) and nothing else plays against the real agent on an emulated board: no code of his own,
no other product, nothing below the rollback floor. What he can do all the same is a row of
docs/SECURITY.md, "What a stolen server can do", and each row is tried by the cases that it names.
Besides it edits the database of a real server that is stopped, and starts it (drill_database.py).

Last line: figure drill attempts=… accepted=… listed=…; exit 1 where one was accepted, where fewer
than 50 were made, or where the list and what was tried differ."""

import json
import os
import pathlib
import re
import subprocess
import sys

import drill_database

ROOT = pathlib.Path(__file__).resolve().parents[2]
ATTACK = os.environ.get("GODWIT", str(ROOT / "build" / "godwit")) + "-attack"
SAMPLE = ("1", "2", "10")  # attacks: arbitrary software, rollback, stolen keys


def rows_of_the_page():
    """{case: row} of what the thief is said to be able to do."""
    page = (ROOT / "docs/SECURITY.md").read_text()
    table = page.split("## What a stolen server can do")[1].split("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    return {case: row for row in rows
            for case in re.findall(r"`([a-z0-9-]+)`", row.rsplit("|", 2)[1])}, len(rows)


def play(*words):
    done = subprocess.run([ATTACK, *words, "--json"], capture_output=True, text=True, check=False)
    return json.loads(done.stdout)["cases"]


def main():
    is_short = "--short" in sys.argv
    named, rows_count = rows_of_the_page()
    cases = [case for number in SAMPLE for case in play("--attack", number)] if is_short else play()
    by_server = [case for case in cases if case["who"] == "S"]
    attempts = [case for case in by_server if not case["control"]]
    granted = {case["name"] for case in by_server if case["control"] and case["attack"]}
    accepted = [case for case in attempts if case["verdict"] != "held"]
    wrong = [case for case in by_server if case["name"] in named and case["verdict"] != "held"]
    for case in accepted + wrong:
        print(f"{case['verdict']}: {case['name']}: {case['sentence']}: {case['why']}")
    unlisted = granted - set(named)
    untried = set() if is_short else set(named) - {case["name"] for case in cases}
    for name in sorted(unlisted):
        print(f"not in the list of docs/SECURITY.md: {name}")
    for name in sorted(untried):
        print(f"listed, but there is no such case: {name}")
    edits, not_held = drill_database.drill(is_short)
    count = len(attempts) + edits
    print(f"figure drill attempts={count} accepted={len(accepted) + not_held} listed={rows_count}")
    few = len(attempts) < (20 if is_short else 50)
    sys.exit(bool(accepted or wrong or not_held or unlisted or untried or few))


if __name__ == "__main__":
    main()
