#!/usr/bin/env python3
"""A service is lost and comes back from a backup: one of seven days ago, and one of a minute ago on
a host whose clock is a month behind. Each was made while devices check in, images come, releases
are rolled out, tokens are rotated and people log in; and after it the devices went on: another
release, other tokens once and twice, a new device. Then every device is asked to take one more.

Last line: figure restore devices=… stranded=… reused=… wrong=…; stranded: devices that do not take
it (one that changed its token twice waits for `godwit accept`, one that joined since joins again);
reused: numbers, sequences and tokens that count twice; wrong: all else, as the audit log and what
was acknowledged before the backup. Exit 1 where one is not 0."""

import sqlite3
import subprocess
import sys
import threading

from service import DAY_S, HANG_S, Api, Shift, Wrong, first_password
from fixture import GODWIT, PRODUCT, fixture, wait_until

LOST_S = 7 * DAY_S
BEHIND_S = 30 * DAY_S


class Scene:
    """One service, lost and restored."""

    def __init__(self, one, count, is_short):
        self.one, self.count, self.is_short = one, count, is_short
        self.wrong, self.stranded, self.reused = Wrong(), 0, 0
        self.shift = Shift(one.folder)
        self.port, self.late_ids = None, set()

    def serve(self, log, shift_s=0):
        self.shift.set(shift_s)
        words = ["--listen", f"127.0.0.1:{self.port}"] if self.port else []
        server = self.one.serve(*words, log=log, prefix=self.shift.prefix)
        self.port = self.one.url.rsplit(":", 1)[1]
        self.api = Api(self.one)
        return server

    def upload(self, version):
        self.one.run("upload", self.one.pack(version))

    def fleet(self, count, name, join):
        return self.one.start("fleet", "--count", count, "--dir", self.one.folder / name, *join,
                              log=f"{name}.log")

    def all_run(self, version, count, what):
        wait_until(lambda: sum(device["version"] == version and not device["on_trial"]
                               for device in self.one.devices().values()) >= count, what=what)

    # ---- the life before

    def load(self, stop):
        """People and uploads, until stop; what was acknowledged."""
        acknowledged = []

        def work():
            n = 0
            while not stop.is_set():
                n += 1
                self.upload(f"0.0.{n}")
                user = f"user{n}"
                self.api.make("/api/v1/users", {"user": user, "role": "viewer"})
                self.one.run("rotate", "--all")
                acknowledged.append((f"0.0.{n}", user))

        thread = threading.Thread(target=work)
        thread.start()
        return thread, acknowledged

    def live(self):
        one, api = self.one, self.api
        self.first = one.pack("1.0.0")
        one.run("upload", self.first)
        join = one.enrolment(self.count + 2)
        self.devices = self.fleet(self.count, "many", [*join, "--image", self.first])
        self.all_run("1.0.0", self.count, "the devices")
        self.old_ids = sorted(one.devices())
        self.password = first_password(one, "before.log")
        self.session = api.login("admin", self.password)
        self.token = api.make("/api/v1/tokens", {"scopes": ["read"], "name": "ci"},
                              self.session)["token"]
        if not self.is_short:
            self.upload("1.1.0")
            one.run("deploy", PRODUCT, "1.1.0")
        stop = threading.Event()
        thread, acknowledged = self.load(stop)
        wait_until(lambda: len(acknowledged) > 1, what="some load")
        before = list(acknowledged)
        one.run("backup", one.folder / "carried")
        stop.set()
        thread.join(HANG_S)
        if not self.is_short:
            self.all_run("1.1.0", self.count, "the first update")
        self.join = join
        return before

    def go_on(self):
        """What the backup does not know."""
        one, api = self.one, self.api
        self.upload("1.2.0")
        self.told = [one.json("deploy", PRODUCT, "1.2.0")["rollout_id"]]
        if not self.is_short:
            self.join_late()
        self.all_run("1.2.0", self.count + len(self.late_ids), "the update after the backup")
        once, twice = self.old_ids[::2], self.old_ids[::4]
        if not self.is_short:  # a device that waits for a person asks once a minute
            self.rotate(once)
            self.rotate(twice)
        person = api.login("admin", self.password)
        listed = api.ask("GET", "/api/v1/tokens", token=person)
        assert listed[0] == 200, listed
        items = listed[1]["tokens"]
        revoked = api.ask("DELETE", f"/api/v1/tokens/{items[0]['id']}", token=person)
        self.wrong.expect(revoked[0] == 200, f"revoking: {revoked}")
        api.ask("POST", "/api/v1/logout", token=self.session)
        self.mark = self.number("select mark from sequence_mark")

    def join_late(self):
        self.one.start("device", "--flash", "late.bin", "--image", self.first, *self.join,
                       log="late.log")
        self.late_ids = wait_until(lambda: set(self.one.devices()) - set(self.old_ids),
                                   what="the late device")

    def rotate(self, ids):
        def rotations(device):
            kinds = [event["kind"] for event in self.one.json("devices", device)["events"]]
            return kinds.count("rotated")

        for device in ids:
            before = rotations(device)
            self.one.run("rotate", device)
            wait_until(lambda: rotations(device) > before, what=f"{device} with another token")

    def number(self, sql):
        with sqlite3.connect(f"file:{self.one.data}/godwit.db?mode=ro", uri=True) as db:
            return db.execute(sql).fetchone()[0]

    # ---- the life after

    def restore(self, server, shift_s):
        one = self.one
        self.head = self.number("select max(sequence) from audit")
        server.kill()
        server.wait()
        said = one.run("restore", one.folder / "carried", "--data", one.folder / "again")
        self.wrong.expect("API tokens are over" in said, f"restore says: {said}")
        one.data = one.folder / "again"
        one.environment["GODWIT_DATA"] = str(one.data)
        return self.serve("after.log", shift_s)

    def check_people(self, before):
        api, wrong = self.api, self.wrong
        self.reused += api.counts(self.session) + api.counts(self.token)
        wrong.expect(api.login("admin", self.password), "the password of before")
        users = {row["user"] for row in api.ask("GET", "/api/v1/users")[1]["users"]}
        kept = {row["version"] for row in self.one.json("status")["releases"]}
        for version, user in before:
            wrong.expect(version in kept, f"release {version} is gone")
            wrong.expect(user in users, f"{user} is gone")

    def check_audit(self):
        verified = subprocess.run([GODWIT, "audit", "verify", "--data", self.one.data], text=True,
                                  capture_output=True, check=False)
        self.wrong.expect(verified.returncode == 0, f"audit verify: {verified.stdout}")
        rows = self.one.json("audit", "list", "--action", "server.restored")["items"]
        self.wrong.expect(len(rows) == 1, f"{len(rows)} records of the restore")

    def accept_all(self):
        """Devices that wait for a person, let in."""
        for device_id in list(self.one.devices()):
            for row in self.one.json("devices", device_id).get("pending", []):
                self.one.run("accept", device_id, row["token"])

    def check_devices(self):
        one = self.one
        self.upload("2.0.0")
        rollout = one.json("deploy", PRODUCT, "2.0.0")["rollout_id"]
        self.reused += rollout in self.told or rollout <= max(self.told)
        self.reused += self.number("select mark from sequence_mark") <= self.mark
        expected = set(self.old_ids) | self.late_ids

        def left():
            self.accept_all()
            devices = one.devices()
            return [one_id for one_id in expected
                    if devices.get(one_id, {}).get("version") != "2.0.0"
                    or devices[one_id]["on_trial"]]

        try:
            wait_until(lambda: not left(), seconds=HANG_S, what="the release after the restore")
        except AssertionError:
            for one_id in left():
                self.stranded += 1
                print(f"stranded: {one.devices().get(one_id)}")


def play(count, age_s, host_s, is_short):
    """The backup's age, and by how much the clock of the other host is wrong."""
    with fixture() as one:
        scene = Scene(one, count, is_short)
        server = scene.serve("before.log", -age_s)
        before = scene.live()
        if age_s:
            one.end(server)
            server = scene.serve("between.log")
        scene.go_on()
        scene.restore(server, host_s)
        scene.check_people(before)
        scene.check_devices()
        scene.check_audit()
        return scene


def main():
    is_short = "--short" in sys.argv
    rows = [(3, LOST_S, 0)] if is_short else [(40, LOST_S, 0), (40, 0, -BEHIND_S)]
    scenes = [play(*row, is_short) for row in rows]
    stranded = sum(scene.stranded for scene in scenes)
    reused = sum(scene.reused for scene in scenes)
    wrong = sum(scene.wrong.count for scene in scenes)
    devices = sum(scene.count + len(scene.late_ids) for scene in scenes)
    print(f"figure restore devices={devices} stranded={stranded} reused={reused} wrong={wrong}")
    sys.exit(bool(stranded or reused or wrong))


if __name__ == "__main__":
    main()
