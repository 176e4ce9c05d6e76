#!/usr/bin/env python3
"""Filters on a real PostgreSQL: the test of src/filter/sql.c writes its random fleets and filters
down, each with the devices that SQLite finds; PostgreSQL must find the same."""
import os
import pathlib
import subprocess
import sys
import tempfile

from test_postgres import BIN, Cluster, script_for_postgres

BUILD = pathlib.Path(os.environ.get("TESTED_BUILD", "build"))
TABLES = """create table devices (id integer primary key, device_id blob, id_text text,
 name_key text, product_name text, shown_version text, version_key text, state text,
 reason text, cause text, chip text, slot text, idf_version text, agent_version text,
 last_seen integer, created integer);
create table tags (device integer, tag_key text);
"""


def main():
    if not (BIN / "postgres").exists():
        sys.exit("postgresql-15 is missing; tools/install.sh test installs it")
    with tempfile.NamedTemporaryFile(suffix=".sql") as script:
        subprocess.run([BUILD / "tests/filter_test_sql"], check=True, capture_output=True,
                       env=dict(os.environ, TESTED_SCRIPT=script.name))
        text = script.read().decode()
    cluster = Cluster()
    try:
        done = cluster.psql(script_for_postgres(TABLES) + text, "--set=ON_ERROR_STOP=1",
                            "--tuples-only", "--no-align")
    finally:
        cluster.close()
    if done.returncode:
        sys.exit(done.stderr)
    lines = done.stdout.split("\n")
    pairs = list(zip(lines[0::2], lines[1::2]))
    wrong = [pair for pair in pairs if pair[0] != pair[1]]
    for by_postgres, by_sqlite in wrong[:5]:
        print(f"PostgreSQL finds {by_postgres}\nSQLite     finds {by_sqlite}")
    found = sum(bool(pair[1]) for pair in pairs)
    print(f"{len(pairs)} filters, {found} find something, {len(wrong)} differ")
    return bool(wrong) or found < 100


if __name__ == "__main__":
    sys.exit(main())
