#!/usr/bin/env python3
"""The server's wall clock jumps by a day and by ten years, forward and back, and returns; once
while it runs, once over two restarts. Sessions, API tokens, claims, an audit log, a rollout and
emulated devices are there. While it is wrong and once it is right again: people log in, devices
check in and take a release, nothing was deleted because of it, what was ended stays ended, nobody
is thrown out for good, the log is not flooded and the processor not busy.

Last line: figure clockjump cases=… wrong=…; exit 1 where something is wrong."""

import os
import sqlite3
import sys
import time

from service import DAY_S, Api, Shift, Wrong, first_password
from fixture import PRODUCT, fixture, wait_until

YEAR_S = 365 * DAY_S
JUMPS = [DAY_S, -DAY_S, 10 * YEAR_S, -10 * YEAR_S]
NO_CHECK_TIME = 0x200000  # OpenSSL's flag: the caller does not judge dates
LOOK_S, BUSY, LINES_MAX = 4, 0.5, 200
COUNTED = ["audit", "claims", "devices", "events", "releases", "rollouts", "users"]


def cpu_s(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Scene:
    def __init__(self, one, count, wrong):
        self.one, self.count, self.wrong = one, count, wrong
        self.shift = Shift(one.folder)
        self.port, self.starts, self.release = None, 0, 0

    def expect(self, is_good, what):
        return self.wrong.expect(is_good, f"{self.what}: {what}")

    def start(self):
        self.starts += 1
        self.log = f"serve-{self.starts}.log"
        words = ["--listen", f"127.0.0.1:{self.port}"] if self.port else []
        self.server = self.one.start("serve", "--data", self.one.data, "--listen", "127.0.0.1:0",
                                     "--interval", 1, *words, log=self.log,
                                     prefix=self.shift.prefix)
        wait_until(lambda: "event=serving" in self.one.text(self.log), what="the start")
        self.api = Api(self.one)
        self.port = self.api.port

    def restart(self):
        self.one.end(self.server)
        self.start()

    def check_time(self, is_checked):
        """Whether callers mind the dates of certificates, as of a server of another year."""
        flags = self.api.context.verify_flags
        self.api.context.verify_flags = flags & ~NO_CHECK_TIME if is_checked else \
            flags | NO_CHECK_TIME

    def begin(self):
        one = self.one
        self.what = "before"
        self.start()
        first = one.pack("1.0.0")
        one.run("upload", first)
        one.start("fleet", "--count", self.count, "--dir", "many", "--image", first,
                  *one.enrolment(self.count), log="fleet.log")
        wait_until(lambda: len(one.devices()) == self.count, what="the devices")
        self.password = first_password(one, self.log)
        admin = self.api.login("admin", self.password)
        self.token = self.api.make("/api/v1/tokens", {"scopes": ["read"]}, admin)["token"]
        gone = self.api.make("/api/v1/tokens", {"scopes": ["read"]}, admin)
        self.api.ask("DELETE", f"/api/v1/tokens/{gone['id']}", token=admin)
        self.left = self.api.login("admin", self.password)
        self.api.ask("POST", "/api/v1/logout", token=self.left)
        self.gone = gone["token"]
        one.run("claim", "add", PRODUCT, "--expires", "12h")
        one.run("claim", "add", PRODUCT)
        self.admin = admin

    def rows(self):
        with sqlite3.connect(f"file:{self.one.data}/godwit.db?mode=ro", uri=True) as db:
            return {name: db.execute(f"select count(*) from {name}").fetchone()[0]
                    for name in COUNTED}

    # ---- what must hold at any time

    def devices(self):
        """As the command line can not ask a server of another year: by hand."""
        return self.api.ask("GET", "/api/v1/devices?limit=500")[1]["items"]

    def update_all(self):
        """Real agents take one more release."""
        self.release += 1
        version = f"2.{self.release}.0"
        image = self.one.pack(version).read_bytes()
        line = self.api.upload(image)
        self.expect(line in (200, 201), f"the upload: {line}")
        deploy = {"product": PRODUCT, "version": version}
        status, reply = self.api.ask("POST", "/api/v1/rollouts", deploy)
        self.expect(status in (200, 201), f"the deploy: {status} {reply}")
        try:
            wait_until(lambda: all(device["version"] == version and not device["on_trial"]
                                   for device in self.devices()), what=version)
        except AssertionError as error:
            self.expect(False, f"{error}: {self.devices()}")

    def look(self):
        """Nobody works without a cause, nothing floods, nobody is taken for silent."""
        begun, lines = cpu_s(self.server), self.one.text(self.log).count("\n")
        time.sleep(LOOK_S)
        busy = (cpu_s(self.server) - begun) / LOOK_S
        self.expect(busy < BUSY, f"busy at {busy:.0%}")
        told = self.one.text(self.log).count("\n") - lines
        self.expect(told < LINES_MAX, f"{told} lines of log")

    def check_shut(self):
        for what, token in (("a revoked token", self.gone), ("a left session", self.left)):
            self.expect(not self.api.counts(token), f"{what} counts")
        self.expect(self.api.counts(self.api.machine), "the machine's token does not count")

    def check_kept(self, before):
        for name, count in self.rows().items():
            self.expect(count >= before[name], f"{name}: {count} of {before[name]} rows")

    # ---- one jump and back

    def play(self, jump_s, over_restarts):
        self.what = f"{jump_s / DAY_S:+.0f} days{' over restarts' if over_restarts else ''}"
        self.admin = self.api.login("admin", self.password)
        before = self.rows()
        self.shift.set(jump_s)
        if over_restarts:
            self.restart()
        self.check_time(False)
        self.look()
        self.check_shut()
        old = self.api.counts(self.admin)
        self.expect(not old, "a session of another time counts")
        meanwhile = self.api.login("admin", self.password)
        self.expect(meanwhile and self.api.counts(meanwhile), "nobody can log in")
        self.update_all()
        self.check_kept(before)
        self.shift.set(0)
        if over_restarts:
            self.restart()
        self.what += ", back"
        self.check_time(True)
        self.look()
        self.check_shut()
        self.expect(self.api.counts(self.token), "the API token is lost")
        self.expect(not self.api.counts(meanwhile), "a session of the wrong time counts")
        self.expect(self.api.login("admin", self.password), "nobody can log in")
        self.expect(len(self.one.json("claim", "list")["claims"]) == 3, "claims are lost")
        self.update_all()
        self.check_kept(before)


def main():
    is_short = "--short" in sys.argv
    wrong = Wrong()
    with fixture() as one:
        scene = Scene(one, 2 if is_short else 10, wrong)
        scene.begin()
        rows = [(10 * YEAR_S, True)] if is_short else \
            [(jump, over) for over in (False, True) for jump in JUMPS]
        for jump_s, over_restarts in rows:
            scene.play(jump_s, over_restarts)
    print(f"figure clockjump cases={wrong.checks} wrong={wrong.count}")
    sys.exit(bool(wrong.count))


if __name__ == "__main__":
    main()
