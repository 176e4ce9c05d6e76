#!/usr/bin/env python3
"""What `godwit serve` does when its machine fails it. Each system call on files (write, sync, open,
rename, cut, remove, read), each accept and many allocations fail: the n-th once, for each n, and
then all from the n-th on for a while. Meanwhile a device checks in and reports, and people read,
upload, deploy, and change users and devices. Then: a disk that is full, a sync that takes two
seconds, a reader that never ends, a database that another holds.

Right is: the server lives, but where memory runs out for what it can not do without: then it ends,
and the next start goes on (`ended` counts those). Each request is answered by what it asked for or
by a problem that says what to do (500 storage, 503 busy, 507 disk-full); a device that has nothing
to say is answered all the time, but where its connection or its memory is what fails; once the
fault is over everything works again, the database is whole, and what was acknowledged is there.

    io.py           the figure: ten minutes of full disk, thirty seconds of lock
    io.py --short   every fifth failing call and seconds of the rest, for `make test`

Bar: wrong = 0."""
import errno
import http.client
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from victim import DONE, FAIL, HALF_DONE, NOT_DONE, SLOW, Line, Victim  # noqa: E402

LOST = (OSError, http.client.HTTPException)
# Which calls fail how; the last: whether a device with nothing to say is answered nevertheless.
FAULTS = [
    ("write", errno.ENOSPC, HALF_DONE, True), ("write", errno.EIO, NOT_DONE, True),
    ("pwrite", errno.ENOSPC, NOT_DONE, True), ("pwrite", errno.ENOSPC, HALF_DONE, True),
    ("pwrite", errno.EIO, NOT_DONE, True), ("fsync", errno.EIO, NOT_DONE, True),
    ("fdatasync", errno.EIO, NOT_DONE, True), ("open", errno.EMFILE, NOT_DONE, True),
    ("open", errno.ENFILE, NOT_DONE, True), ("rename", errno.ENOSPC, NOT_DONE, True),
    ("rename", errno.EIO, NOT_DONE, True), ("ftruncate", errno.EIO, NOT_DONE, True),
    ("unlink", errno.EIO, NOT_DONE, True), ("read", errno.EIO, NOT_DONE, True),
    ("accept", errno.EMFILE, NOT_DONE, False), ("alloc", errno.ENOMEM, NOT_DONE, False)]
FOR_GOOD = (1, 2, 5, 10, 20)  # from the n-th call on
# Allocations have no number that is the same twice: so many, spread over a round's.
ALLOCATIONS, ALLOCATIONS_SHORT, ALLOCATION_STEP = 200, 20, 41
NTH_MAX, NTH_MAX_SHORT, STEP_SHORT = 120, 31, 5
PROBLEMS = {500: {"storage", "internal", "reply-too-large"}, 503: {"busy", "not-ready"},
            507: {"disk-full"}, 409: {"already-done", "still-running", "upload-busy"},
            429: {"too-many-reports"}}
IDLE_S = 2.0  # in which a device with nothing to say is answered, whatever else waits


class Bench:
    def __init__(self, folder):
        self.victim = Victim(folder, "--reserve", "0")
        assert self.victim.start()
        self.wrong, self.cases, self.number, self.rounds, self.ended = [], 0, 0, 0, 0
        self.reported = set()
        self.people, self.devices = Line(self.victim, None), Line(self.victim, None)
        self.idle = Line(self.victim, None)
        self.images = {f"1.{n}.0": self.victim.pack(f"1.{n}.0") for n in range(4)}
        for version in ("1.0.0", "1.1.0"):
            assert self.ask("PUT", "/api/v1/images?open=1", self.images[version])[0] == 201
        claim = self.ask("POST", "/api/v1/claims", {"product": "thermostat", "count": 100})[1]
        for number in range(1, 9):
            assert self.checkin(number, claim["token"], token=f"{number:064x}")[0] == 200
        self.ask("POST", "/api/v1/users", {"user": "one", "role": "viewer",
                                           "password": "a long pass phrase"})

    def ask(self, method, path, body=None, line=None, bearer=None, **options):
        return (line or self.people).ask(method, path, body, bearer or self.victim.admin, **options)

    def checkin(self, number, bearer=None, line=None, **members):
        body = {"protocol": 1, "device_id": f"7cdfa1{number:06x}", "nonce": os.urandom(16).hex(),
                "project": "thermostat", "version": "1.0.0", "image_sha256": "77" * 32,
                "chip_id": 5, "slot_size": 1 << 20, **members}
        return self.ask("POST", "/v1/checkin", body, line or self.devices,
                        bearer or f"{number:064x}")

    def fault(self, what, sentence):
        self.wrong.append(f"{what}: {sentence}")
        print(f"  wrong: {what}: {sentence}", flush=True)

    # ---- one round of everything

    def report(self):
        self.number += 1
        told = self.checkin(1 + self.number % 7, outcome={
            "id": self.number, "stage": "rolled-back", "reason": 91,
            "detail": f"number {self.number}"})
        if told[0] == 200:
            self.reported.add(self.number)
        return told

    def upload(self):
        self.rounds += 1
        version = f"1.{2 + self.rounds % 2}.0"
        gone = self.ask("DELETE", f"/api/v1/releases/thermostat/{version}")
        if gone[0] not in (200, 404):
            return gone
        return self.ask("PUT", "/api/v1/images?open=1", self.images[version])

    def deploy(self):
        return self.ask("POST", "/api/v1/rollouts", {
            "product": "thermostat", "version": f"1.{self.rounds % 2}.0", "again": True,
            "devices": ["7cdfa1000007"], "allow_downgrade": True})

    def requests(self):
        role = ("viewer", "operator")[self.rounds % 2]
        return [
            ("report", self.report), ("upload", self.upload), ("deploy", self.deploy),
            ("role", lambda: self.ask("PUT", "/api/v1/users/one/role", {"role": role})),
            ("name", lambda: self.ask("PATCH", "/api/v1/devices/7cdfa1000001",
                                      {"name": f"name {self.rounds}"})),
            ("claim", lambda: self.ask("POST", "/api/v1/claims", {"product": "thermostat"})),
            ("devices", lambda: self.ask("GET", "/api/v1/devices")),
            ("metrics", lambda: self.ask("GET", "/metrics")),
            ("releases", lambda: self.ask("GET", "/api/v1/releases"))]

    def judge(self, what, told):
        status, document = told
        if status < 400 or (status == 404 and "devices" not in what):
            return
        kind = document.get("type") if isinstance(document, dict) else None
        if kind not in PROBLEMS.get(status, ()):
            self.fault(what, f"answered {status} {document}")
        elif len(document.get("detail", "")) < 10:
            self.fault(what, f"no sentence in {document}")

    def check_idle(self, what, must_answer):
        began = time.monotonic()
        try:
            status = self.checkin(8, line=self.idle, timeout=30)[0]
        except LOST as lost:
            if must_answer:
                self.fault(what, f"an idle check-in is not answered: {lost!r}")
            return
        if must_answer and status != 200:
            self.fault(what, f"an idle check-in is answered {status}")
        if must_answer and time.monotonic() > began + IDLE_S + self.grace_s:
            self.fault(what, f"an idle check-in took {time.monotonic() - began:.1f} s")

    grace_s = 0.0  # on a machine that other work keeps busy

    def round(self, what, answers):
        """Everything once; whether a connection may be lost is told by `answers`."""
        for name, request in self.requests():
            try:
                self.judge(f"{what}, {name}", request())
            except LOST as lost:
                if self.victim.process.poll() is not None:
                    return
                if answers:
                    self.fault(f"{what}, {name}", f"not answered: {lost!r}")
        self.check_idle(what, answers)

    # ---- after it

    def start_again(self, what):
        """Where it has ended, which may be told a moment after its connections broke."""
        if self.victim.process.poll() is None:
            return
        if what.startswith("alloc") and self.victim.process.returncode == -signal.SIGABRT:
            self.ended += 1
        else:
            self.fault(what, f"the server ended with {self.victim.process.returncode}: "
                       + self.victim.log()[-600:].replace("\n", " | "))
        assert self.victim.start()

    def recover(self, what):
        """Everything works again, all that was acknowledged is there, the database is whole."""
        self.victim.faults.disarm()
        self.start_again(what)
        until = time.monotonic() + 60
        for name, request in self.requests():
            while True:
                try:
                    told = request()
                except LOST:
                    told = 0, "no answer"
                    self.start_again(what)
                if told[0] in (200, 201) or (name == "report" and told[0] == 429):
                    break
                if time.monotonic() > until:
                    self.fault(what, f"does not recover: {name} is answered {told}")
                    break
                time.sleep(0.05)
        if self.ask("GET", "/readyz")[0] != 200:
            self.fault(what, "not ready afterwards")
        self.check_database(what)

    def check_database(self, what):
        database = sqlite3.connect(f"file:{self.victim.data}/godwit.db?mode=ro", uri=True)
        said = database.execute("pragma quick_check").fetchone()[0]
        if said != "ok":
            self.fault(what, said)
        found = [row[0] for row in database.execute(
            "select detail from events where detail like 'number %' order by id desc limit 400")]
        database.close()
        gone = [n for n in self.reported if f"number {n}" not in found]
        if gone or len(found) != len(set(found)):
            self.fault(what, f"reports are lost or count twice: {gone}")
        self.reported = {n for n in self.reported if n > self.number - 50}

    # ---- cases

    def fail_nth(self, call, error, flavour, answers, nth, for_good):
        what = f"{call} {errno.errorcode[error]}{' half' if flavour == HALF_DONE else ''}" \
               f" at {nth}{' and on' if for_good else ''}"
        self.victim.faults.arm(FAIL, [call], nth, flavour, for_good, error)
        self.round(what, answers)
        hits = self.victim.faults.hits
        self.recover(what)
        self.cases += 1
        return hits > 0

    def fail_calls(self, row, is_short):
        call, error, flavour, answers = row
        step, nth = STEP_SHORT if is_short else 1, 1
        most = NTH_MAX_SHORT if is_short else NTH_MAX
        while nth <= most and self.fail_nth(call, error, flavour, answers, nth, False):
            nth += step
        for first in FOR_GOOD[::2] if is_short else FOR_GOOD:
            self.fail_nth(call, error, flavour, answers, first, True)
        print(f"{call} {errno.errorcode[error]}: up to the {nth}th", flush=True)

    def fail_allocations(self, row, is_short):
        call, error, flavour, answers = row
        for n in range(ALLOCATIONS_SHORT if is_short else ALLOCATIONS):
            self.fail_nth(call, error, flavour, answers, 1 + n * ALLOCATION_STEP, False)
        print(f"{call}: {n + 1} of a round's", flush=True)

    def for_a_while(self, what, seconds, answers=True):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.round(what, answers)
            if len(self.reported) > 100:  # later the history may not have room for them
                self.check_database(what)
            time.sleep(0.01)
        self.recover(what)
        self.cases += 1

    def full_disk(self, seconds):
        refused = 0
        self.victim.faults.arm(FAIL, ["write", "pwrite", "ftruncate"], 1, NOT_DONE, True,
                               errno.ENOSPC)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.check_idle("full disk", True)
            told = self.ask("PUT", "/api/v1/images?open=1", self.images["1.2.0"])
            refused += told[0] == 507 and "free some" in told[1]["detail"]
            self.judge("full disk, upload", told)
            self.judge("full disk, report", self.report())
        if not refused:
            self.fault("full disk", "no upload was refused for it")
        self.recover("full disk")
        self.cases += 1
        print(f"full disk: {seconds} s, {refused} uploads refused by 507", flush=True)

    def slow_sync(self, seconds):
        self.victim.faults.arm(SLOW, ["fsync", "fdatasync"], 1, DONE, True, 0, 2000)
        self.for_a_while("a sync of 2 s", seconds)

    def long_reader(self, seconds):
        database = sqlite3.connect(f"file:{self.victim.data}/godwit.db?mode=ro", uri=True)
        database.execute("begin")
        database.execute("select count(*) from events").fetchone()
        self.for_a_while("a reader that stays", seconds)
        database.close()

    def locked(self, seconds):
        database = sqlite3.connect(f"file:{self.victim.data}/godwit.db", uri=True,
                                   isolation_level=None, timeout=30)
        database.execute("begin immediate")
        until = time.monotonic() + seconds
        report = Line(self.victim, f"{6:064x}")
        while time.monotonic() < until:
            self.check_idle("locked database", True)
            self.judge("locked database, report", self.report())
        database.execute("rollback")
        database.close()
        report.close()
        self.recover("locked database")
        self.cases += 1
        print(f"locked database: {seconds} s", flush=True)


def play(bench, is_short):
    rows = [row for row in FAULTS if not os.environ.get("ONLY") or row[0] == os.environ["ONLY"]]
    for row in rows:
        (bench.fail_allocations if row[0] == "alloc" else bench.fail_calls)(row, is_short)
    if os.environ.get("ONLY") and os.environ["ONLY"] != "none":
        return
    bench.full_disk(4 if is_short else 600)
    bench.slow_sync(1 if is_short else 20)
    bench.long_reader(1 if is_short else 30)
    bench.locked(3 if is_short else 30)


def main():
    is_short = "--short" in sys.argv[1:]
    random.seed(1)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="godwit-io-"))
    bench = Bench(folder)
    bench.grace_s = 20.0 if is_short else 0.0
    try:
        play(bench, is_short)
        if bench.victim.end() != 0:
            bench.fault("the end", "the server did not end well")
    finally:
        if bench.victim.is_alive():
            bench.victim.kill()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"figure io cases={bench.cases} ended={bench.ended} wrong={len(bench.wrong)}")
    return bool(bench.wrong)


if __name__ == "__main__":
    sys.exit(main())
