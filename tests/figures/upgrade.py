#!/usr/bin/env python3
"""Databases of each older schema come to the present program while a fleet of emulated devices goes
on: the database is taken back to the schema (its tables made by its own scripts, the rows of now in
them), the start is killed a few times on the way, and then nothing may be lost, no door open that
was shut, and each device takes one more release. A database of a newer program is refused and left
as it is, and so is each setting that is none.

The unit test of the schema does the killing at each statement; its count is in cuts= too.
Last line: figure upgrade versions=… cuts=… wrong=…; exit 1 where something is wrong."""

import random
import re
import sqlite3
import subprocess
import sys
import time

from service import BUILD, Api, Wrong, first_password
from fixture import GODWIT, PRODUCT, ROOT, fixture, wait_until

SCRIPTS = sorted((ROOT / "src/fleet/schema").glob("*.sql"))
KILLS, START_S = 4, 0.12  # a start takes about that long
# What no start may lose; by what names a row.
KEPT = {"products": "id", "releases": "id", "images": "id", "files": "hex(file_sha256)",
        "rollouts": "id", "devices": "id", "members": "rollout || '/' || device", "events": "id",
        "failed_images": "id", "claims": "hex(claim_sha256)", "users": "name",
        "audit": "sequence", "tags": "device || tag_name", "memberships": "org || user_name"}
WRONG_SETTINGS = [
    ({"GODWIT_INTERVALL": "5"}, None, (), "nearest is godwit-interval"),
    ({"GODWIT_INTERVAL": "often"}, None, (), "interval"),
    ({"GODWIT_TRUSTED_PROXI": "127.0.0.1"}, None, (), "nearest is godwit-trusted-proxy"),
    ({}, "audit_day = 3\n", (), "nearest is audit-days"),
    ({}, "wait = -1\n", (), "wait"),
    ({}, "listen 127.0.0.1:0\n", (), "listen"),
    ({}, None, ("--web-listn", "127.0.0.1:0"), "nearest is --web-listen"),
    ({}, None, ("--interval", "0"), "interval"),
]


def tables_of(db, schema="main"):
    return [row[0] for row in db.execute(
        f"select name from {schema}.sqlite_master where type = 'table'"
        " and name not like 'sqlite_%' and name <> 'schema_version'")]


def columns_of(db, table, schema="main"):
    return [row[1] for row in db.execute(f"pragma {schema}.table_info({table})")]


def take_back(path, number):
    """The database as a program of that schema would have written it."""
    old = path.with_name("old.db")
    db = sqlite3.connect(old, isolation_level=None)
    db.execute("create table schema_version (org text not null, number integer not null,"
               " name text not null, primary key (org, number))")
    for i, script in enumerate(SCRIPTS[:number]):
        db.executescript(script.read_text())
        db.execute("insert into schema_version values ('', ?, ?)", (i + 1, script.stem))
    db.execute(f"attach '{path}' as present")
    db.execute("begin")
    there = tables_of(db, "present")
    for table in tables_of(db):
        db.execute(f"delete from {table}")
        if table in there:
            both = [name for name in columns_of(db, table)
                    if name in columns_of(db, table, "present")]
            db.execute(f"insert into {table} ({', '.join(both)}) select {', '.join(both)}"
                       f" from present.{table}")
    db.execute("delete from sqlite_sequence")
    db.execute("insert into sqlite_sequence select * from present.sqlite_sequence")
    db.execute("commit")
    db.close()
    for name in ("godwit.db", "godwit.db-wal", "godwit.db-shm"):
        path.with_name(name).unlink(missing_ok=True)
    old.rename(path)


def rows_of(path):
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        there = tables_of(db)
        return {table: {row[0] for row in db.execute(f"select {key} from {table}")}
                for table, key in KEPT.items() if table in there}


class Scene:
    def __init__(self, one, count):
        self.one, self.count = one, count
        self.wrong, self.cuts, self.versions = Wrong(), 0, 0
        self.random = random.Random(1)
        self.log = "first.log"

    @property
    def database(self):
        return self.one.data / "godwit.db"

    def start(self, log):
        self.log = log
        self.server = self.one.serve("--listen", f"127.0.0.1:{self.port}", log=log)
        self.api = Api(self.one)

    def begin(self):
        one = self.one
        self.server = one.serve(log="first.log")
        self.api = Api(one)
        self.port = self.api.port
        first = one.pack("1.0.0")
        one.run("upload", first)
        one.start("fleet", "--count", self.count, "--dir", "many", "--image", first,
                  *one.enrolment(self.count), log="fleet.log")
        wait_until(lambda: len(one.devices()) == self.count, what="the devices")
        password = first_password(one, "first.log")
        admin = self.api.login("admin", password)
        self.reader = self.api.make("/api/v1/tokens", {"scopes": ["read"]}, admin)["token"]
        gone = self.api.make("/api/v1/tokens", {"scopes": ["read"]}, admin)
        self.gone = gone["token"]
        self.api.ask("DELETE", f"/api/v1/tokens/{gone['id']}", token=admin)
        self.password = password

    def cut_starts(self):
        """Killed on the way, at moments of chance."""
        for _ in range(KILLS):
            one = self.one
            server = one.start("serve", "--data", one.data, "--listen", f"127.0.0.1:{self.port}",
                               log="cut.log")
            time.sleep(self.random.uniform(0, START_S))
            server.kill()
            server.wait()
            self.cuts += 1

    def check_doors(self, number):
        api, expect = self.api, self.wrong.expect
        deploy = {"product": PRODUCT, "version": "1.0.0"}
        for what, token in (("no token", "x"), ("a revoked token", self.gone),
                            ("a device's claim", "gw1.x.y")):
            expect(api.ask("GET", "/api/v1/status", token=token)[0] == 401, f"{number}: {what}")
        status = api.ask("POST", "/api/v1/rollouts", deploy, self.reader)[0]
        expect(status in (401, 403), f"{number}: a reader deploys: {status}")
        expect(number < 3 or api.counts(self.reader), f"{number}: the reader is thrown out")
        expect(api.counts(api.machine), f"{number}: the machine's own token")
        expect(api.login("admin", self.password), f"{number}: the password")
        expect(not api.login("admin", "x" * 12), f"{number}: a wrong password")

    def check_fleet(self, number):
        """Each device checks in, and takes one more release."""
        one, version = self.one, f"2.{number}.0"
        one.run("upload", one.pack(version))
        one.run("deploy", PRODUCT, version)
        wait_until(lambda: all(device["version"] == version and not device["on_trial"]
                               for device in one.devices().values()), what=f"{version}")
        self.wrong.expect(len(one.devices()) == self.count, f"{number}: devices are gone")
        verified = subprocess.run([GODWIT, "audit", "verify", "--data", one.data],
                                  capture_output=True, text=True, check=False)
        self.wrong.expect(verified.returncode == 0, f"{number}: {verified.stdout}")

    def come_from(self, number):
        self.one.end(self.server)
        take_back(self.database, number)
        before = rows_of(self.database)
        self.cut_starts()
        self.start(f"from-{number}.log")
        after = rows_of(self.database)
        for table, keys in before.items():
            lost = keys - after[table]
            self.wrong.expect(not lost, f"{number}: {table} lost {sorted(lost)[:5]}")
        self.check_doors(number)
        self.check_fleet(number)
        self.versions += 1

    def refused(self, words, environment, expected):
        one = self.one
        done = subprocess.run([GODWIT, "serve", "--data", one.data, *words], capture_output=True,
                              text=True, env=dict(one.environment, **environment), timeout=300,
                              cwd=one.folder, check=False)
        line = done.stderr.strip()
        is_named = expected in line.lower().replace("_", "-")
        self.wrong.expect(done.returncode in (1, 2) and is_named and "\n" not in line,
                          f"{words} {environment}: {done.returncode} {line}")

    def check_refusals(self):
        one = self.one
        one.end(self.server)
        for environment, text, words, expected in WRONG_SETTINGS:
            file = one.folder / "settings"
            file.write_text(text or "")
            named = ("--settings", file) if text else ()
            self.refused([*named, *words], environment, expected)
        with sqlite3.connect(self.database) as db:
            db.execute("insert into schema_version values ('', 900, '900_of_a_newer_one')")
        newer = rows_of(self.database)
        self.refused([], {}, "newer godwit")
        self.wrong.expect(rows_of(self.database) == newer, "a newer database was changed")


def cuts_of_the_unit_test(scene):
    command = [BUILD / "tests/fleet_test_schema", "all"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    scene.wrong.expect(done.returncode == 0, done.stdout + done.stderr)
    scene.cuts += int(re.search(r"killed (\d+) times", done.stdout + done.stderr)[1])


def main():
    is_short = "--short" in sys.argv
    numbers = range(len(SCRIPTS) - 1, 0, -1)
    with fixture() as one:
        scene = Scene(one, 3 if is_short else 20)
        scene.begin()
        for number in [1] if is_short else numbers:
            scene.come_from(number)
        scene.check_refusals()
    if not is_short:
        cuts_of_the_unit_test(scene)
    print(f"figure upgrade versions={scene.versions} cuts={scene.cuts} wrong={scene.wrong.count}")
    sys.exit(bool(scene.wrong.count))


if __name__ == "__main__":
    main()
