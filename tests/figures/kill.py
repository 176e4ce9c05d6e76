#!/usr/bin/env python3
"""`godwit serve` killed again and again while everybody works: devices report, join and change
their tokens; people upload, delete, deploy, and change users, API tokens and devices. All over real
sockets. It dies by SIGKILL at a moment that chance chooses, or at its n-th write, sync, rename or
removal, for n = 1, 2, 3 …: before the call, in the middle of a write, or after it.

After each restart: the database is whole (`pragma integrity_check`), what was acknowledged (each
2xx that a client got) is there, once; what was not is there whole or not at all, and is asked for
again by who has no answer; each file of a release is in its place with its digest, and nothing half
is visible. The audit log is verified as it goes and at the end.

    kill.py [KILLS]     the figure: 1,000 kills; then the time of a start with 100,000 devices
    kill.py --short     some 30 kills, for `make test`

Bars: lost = 0, twice = 0, half = 0, integrity = ok, a start in 1 s."""
import hashlib
import http.client
import os
import pathlib
import random
import shutil
import sqlite3
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import fleet_db  # noqa: E402
from victim import CHANGES, DONE, HALF_DONE, KILL, NOT_DONE, Line, Victim  # noqa: E402

KILLS, KILLS_SHORT, SEED = 1000, 30, 20
REPORTERS, IMAGES, USERS = 8, 4, 3
NTH_MAX = 150  # calls of one life that are tried, then from the first again
RANDOM_S = 0.4
START_BAR_S, START_DEVICES, STARTS = 1.0, 100000, 9
AUDIT_EVERY = 50
LOST = (OSError, http.client.HTTPException)


def sha256_hex(text):
    return hashlib.sha256(text).hexdigest()


class Actor:
    """One client: `step` asks once. What it was not answered it keeps in `open` and asks again."""

    def __init__(self, world, name):
        self.world, self.name, self.acknowledged = world, name, 0
        self.line = Line(world.victim, None)

    def ask(self, method, path, body=None, expect=(200, 201), **options):
        status, told = self.line.ask(method, path, body, options.pop("bearer",
                                                                     self.world.victim.admin),
                                     **options)
        if status in (429, 503):  # 429: a device reports thirty changes a minute
            time.sleep(0.01)
            return 503, told
        assert status in expect, f"{self.name}: {method} {path} is answered {status}: {told}"
        self.acknowledged += status < 300
        return status, told

    def checkin(self, number, bearer, **members):
        body = {"protocol": 1, "device_id": f"7cdfa1{number:06x}", "nonce": os.urandom(16).hex(),
                "project": "thermostat", "version": "1.0.0", "image_sha256": "77" * 32,
                "chip_id": 5, "slot_size": 1 << 20, **members}
        expect = members.pop("expect", (200,))
        body.pop("expect", None)
        return self.ask("POST", "/v1/checkin", body, expect, bearer=bearer)

    def step(self):
        raise NotImplementedError

    def check(self, database):
        """After a restart: what is lost, as sentences."""
        raise NotImplementedError


class Reporter(Actor):
    """A device that reports one outcome after another, each until it is answered."""

    def __init__(self, world, number):
        super().__init__(world, f"device {number}")
        self.number, self.token = number, f"{number:064x}"
        self.next, self.seen, self.is_late = 1, 0, False

    def join(self, claim):
        self.checkin(self.number, claim, token=self.token)

    def step(self):
        """Each third time it is a copy of the last but one, which comes late."""
        number = self.next - 2 if self.next > 2 and self.next % 3 == 0 and not self.is_late \
            else self.next
        outcome = {"id": number, "stage": "rolled-back", "reason": 91, "detail": f"number {number}"}
        status, told = self.checkin(self.number, self.token, outcome=outcome, expect=(200, 429))
        if status == 200:
            assert told["outcome_id"] == number, told
            self.is_late = number < self.next
            self.next += number == self.next
        elif status == 429:
            time.sleep(0.05)

    def check(self, database):
        rows = dict(database.execute(
            "select e.detail, count(*) from events e join devices d on d.id = e.device"
            f" where hex(d.device_id) like '7CDFA1{self.number:06X}%' and detail like 'number %'"
            " group by 1"))
        wrong = [f"{self.name}: {detail} counts {count} times" for detail, count in rows.items()
                 if count > 1]
        first = max(self.seen + 1, self.next - 150)
        wrong += [f"{self.name}: number {n} of {self.next - 1} was acknowledged and is gone"
                  for n in range(first, self.next) if f"number {n}" not in rows]
        total = database.execute(
            "select events_total from devices where hex(device_id) like ?",
            (f"7CDFA1{self.number:06X}%",)).fetchone()[0]
        made = len([d for d in rows if int(d.split()[1]) >= self.next])
        # Besides outcomes: that it joined, and what deploys offered to it or did not.
        others = database.execute(
            "select count(*) from events e join devices d on d.id = e.device where"
            " hex(d.device_id) like ? and detail not like 'number %'",
            (f"7CDFA1{self.number:06X}%",)).fetchone()[0]
        least = self.next - 1 + made
        if total < least or (total < 190 and total != least + others):
            wrong.append(f"{self.name}: {total} lines in all, not {least} + {others}")
        self.seen = self.next - 1
        return wrong


class Rotator(Actor):
    """A device that makes itself another token, tells it, then uses it; and devices that join."""

    def __init__(self, world):
        super().__init__(world, "rotator")
        self.number, self.now, self.next = 0x9000, f"{0x9000:064x}", None
        self.is_told = False

    def join(self, claim):
        self.checkin(self.number, claim, token=self.now)

    def step(self):
        if not self.next:
            self.next, self.is_told = os.urandom(32).hex(), False
        if not self.is_told:
            self.is_told = self.checkin(self.number, self.now, token=self.next)[0] == 200
            return
        if self.checkin(self.number, self.next)[0] != 200:
            return
        self.world.void.append(self.now)
        self.now, self.next, self.is_told = self.next, None, False

    def check(self, database):
        found = database.execute(
            "select hex(d.token_sha256), hex(r.next_token_sha256) from devices d left join"
            " rotations r on r.device = d.id where hex(d.device_id) like ?",
            (f"7CDFA1{self.number:06X}%",)).fetchone()
        known = {sha256_hex(bytes.fromhex(one)) for one in (self.now, self.next) if one}
        held = {one.lower() for one in found if one}
        wrong = []
        # Told and acknowledged: it is one of the two. Used, but not answered: it may be the only.
        if self.is_told and sha256_hex(bytes.fromhex(self.next)) not in held:
            wrong.append("rotator: the token that it told and was answered is not known")
        if not held <= known:
            wrong.append("rotator: a token that it has left behind is good again")
        if not self.is_told and sha256_hex(bytes.fromhex(self.now)) not in held:
            wrong.append("rotator: its token is not known")
        return wrong


class Joiner(Actor):
    """Makes claim tokens and joins devices by them; ends some."""

    def __init__(self, world):
        super().__init__(world, "joiner")
        self.number, self.claim, self.joined, self.revoked = 0xA000, None, set(), set()
        self.made = set()

    def step(self):
        if not self.claim:
            status, told = self.ask("POST", "/api/v1/claims", {"product": "thermostat"})
            if status == 503:
                return
            self.claim = told
            self.made.add(told["claim"])
            return
        if self.number % 4 == 3:
            status, _ = self.ask("DELETE", f"/api/v1/claims/{self.claim['claim']}",
                                 expect=(200, 404))
            if status == 503:
                return
            self.revoked.add(self.claim["claim"])
        else:
            status, _ = self.checkin(self.number, self.claim["token"],
                                     token=f"{self.number:064x}")
            if status == 503:
                return
            self.joined.add(self.number)
        self.number, self.claim = self.number + 1, None

    def check(self, database):
        ids = {int(row[0][6:12], 16) for row in database.execute(
            "select hex(device_id) from devices")}
        claims = {row[0].lower()[:16]: row[1:] for row in database.execute(
            "select hex(claim_sha256), used_count, revoked from claims")}
        wrong = [f"joiner: device {n:x} joined and is gone" for n in self.joined - ids]
        wrong += [f"joiner: claim {one} is gone" for one in self.made if one[:16] not in claims]
        wrong += [f"joiner: claim {one} is good again" for one in self.revoked
                  if one[:16] in claims and not claims[one[:16]][1]]
        wrong += [f"joiner: claim {one} is spent {row[0]} times" for one, row in claims.items()
                  if row[0] > 1 and one != self.world.great_claim[:16]]
        self.joined, self.made, self.revoked = set(), set(), set()
        return wrong


class Uploader(Actor):
    """Uploads files, whole or in two parts, and takes the drafts away again."""

    def __init__(self, world, number, project):
        super().__init__(world, f"uploader {number}")
        self.project = project
        self.files = [world.victim.pack(f"{number}.{n}.0", project) for n in range(IMAGES)]
        self.versions = [f"{number}.{n}.0" for n in range(IMAGES)]
        self.there = {}  # version → True, False; what no answer told is not in it
        self.turn = 0

    def put(self, file):
        path = f"/api/v1/uploads/{sha256_hex(file)}?open=1"
        if self.turn % 3:
            return self.ask("PUT", "/api/v1/images?open=1", file)[0] < 300
        at = self.line.ask("GET", path.split("?")[0], bearer=self.world.victim.admin)
        begin = at[1]["received"] if at[0] == 200 else 0
        begin = begin if begin < len(file) else 0  # whole, but its judging was cut
        for end in (len(file) // 2, len(file)):
            if end <= begin:
                continue
            status, told = self.ask("PUT", path, file[begin:end], expect=(200, 201, 202, 409, 422),
                                    headers={"Content-Range":
                                             f"bytes {begin}-{end - 1}/{len(file)}"})
            if status in (409, 422, 503):
                # After a power loss a part may be torn; the client then sends it all anew.
                assert told["type"] in ("wrong-offset", "wrong-digest", "busy"), told
                return False
            begin = end
        return True

    def step(self):
        at = self.turn % IMAGES
        version = self.versions[at]
        if self.there.pop(version, False):
            status, _ = self.ask("DELETE", f"/api/v1/releases/{self.project}/{version}",
                                 expect=(200, 404))
            if status == 503:
                return
            self.there[version] = False
        elif self.put(self.files[at]):
            self.there[version] = True
        self.turn += 1

    def check(self, database):
        rows = {row[0] for row in database.execute(
            "select r.version from releases r join products p on p.id = r.product where p.name = ?"
            " and exists (select 1 from images i where i.release = r.id)", (self.project,))}
        wrong = [f"{self.name}: version {version} was " + ("taken" if is_there else "deleted")
                 + ", and is not" for version, is_there in self.there.items()
                 if is_there != (version in rows)]
        for version in self.versions:
            self.there[version] = version in rows
        return wrong


class Deployer(Actor):
    """Rolls releases out to two devices; each request under a key, until it is answered."""

    def __init__(self, world):
        super().__init__(world, "deployer")
        self.key, self.count, self.done, self.ids = None, 0, 0, set()

    def step(self):
        self.key = self.key or os.urandom(8).hex()
        devices = [f"7cdfa1{1 + (self.count + n) % REPORTERS:06x}" for n in range(2)]
        status, told = self.ask("POST", "/api/v1/rollouts", {
            "product": "thermostat", "version": f"2.{self.count % 2}.0", "devices": devices,
            "again": True, "allow_downgrade": True}, expect=(201, 409),
            headers={"Idempotency-Key": self.key})
        if status == 503 or told.get("type") == "still-running":
            return
        assert status == 201 or told["type"] == "already-done", told
        if status == 201:
            self.ids.add(told["rollout_id"])
        self.key, self.count = None, self.count + 1

    def check(self, database):
        rows = {row[0] for row in database.execute("select id from rollouts")}
        newest = database.execute("select coalesce(max(id), 0) from rollouts").fetchone()[0]
        wrong = [f"deployer: rollout {one} is gone" for one in self.ids
                 if one not in rows and one > newest - 20]
        if not self.count <= newest <= self.count + 1:
            wrong.append(f"deployer: {newest} rollouts were made by {self.count} requests")
        self.ids = set()
        return wrong


class Chief(Actor):
    """Users' roles, API tokens that are made and ended, names and tags of devices."""

    def __init__(self, world):
        super().__init__(world, "chief")
        self.turn, self.roles, self.tags = 0, {}, {}
        self.tokens, self.ended = {}, {}

    def found(self):
        for n in range(USERS):
            self.ask("POST", "/api/v1/users", {"user": f"user{n}", "role": "viewer",
                                               "password": "a long pass phrase"})

    def set_role(self, n):
        role = ("viewer", "operator", "releaser")[self.turn % 3]
        user = f"user{n % USERS}"
        self.roles.pop(user, None)
        if self.ask("PUT", f"/api/v1/users/{user}/role", {"role": role})[0] == 200:
            self.roles[user] = role

    def change_token(self, n):
        if len(self.tokens) < 5:
            status, told = self.ask("POST", "/api/v1/tokens", {"scopes": ["read"], "name": f"t{n}",
                                                               "user": f"user{n % USERS}"})
            if status == 201:
                self.tokens[told["id"]] = told["token"]
            return
        one = next(iter(self.tokens))
        secret = self.tokens.pop(one)
        self.world.doubtful.append(secret)
        status, _ = self.ask("DELETE", f"/api/v1/tokens/{one}", expect=(200, 404))
        if status != 503:
            self.ended[one] = secret

    def set_tag(self, n):
        number = 1 + n % REPORTERS
        self.tags.pop(number, None)
        tag = f"room=r{self.turn}"
        if self.ask("PATCH", f"/api/v1/devices/7cdfa1{number:06x}",
                    {"name": f"name {self.turn}", "add_tags": [tag]})[0] == 200:
            self.tags[number] = (f"name {self.turn}", tag)

    def step(self):
        self.turn += 1
        (self.set_role, self.change_token, self.set_tag)[self.turn % 3](self.turn // 3)

    def check(self, database):
        roles = dict(database.execute("select user_name, role from memberships"))
        wrong = [f"chief: {user} was made {role}, and is {roles.get(user)}"
                 for user, role in self.roles.items() if roles.get(user) != role]
        rows = {int(row[0][6:12], 16): row[1:] for row in database.execute(
            "select hex(d.device_id), d.name, t.tag from devices d left join tags t on"
            " t.device = d.id and t.tag_name = 'room'")}
        wrong += [f"chief: device {n} was called {said}, and is {rows.get(n)}"
                  for n, said in self.tags.items() if rows.get(n) != said]
        for secret in list(self.tokens.values())[-2:]:
            if self.line.ask("GET", "/api/v1/status", bearer=secret)[0] != 200:
                wrong.append("chief: an API token that was made is not good")
        for secret in list(self.ended.values())[-2:]:
            if self.line.ask("GET", "/api/v1/status", bearer=secret)[0] != 401:
                wrong.append("chief: an API token that was ended is good again")
        self.ended = {}
        return wrong


class World:
    def __init__(self, folder):
        self.victim = Victim(folder)
        self.void, self.doubtful, self.faults = [], [], []
        self.reports = {"lost": 0, "twice": 0, "half": 0}
        self.integrity, self.slowest_s, self.checked = "ok", 0.0, 0
        assert self.victim.start()
        base = Uploader(self, 0, "thermostat")
        for version in ("2.0.0", "2.1.0"):
            base.ask("PUT", "/api/v1/images?open=1", self.victim.pack(version))
        claim = base.ask("POST", "/api/v1/claims", {"product": "thermostat", "count": 1000})[1]
        self.great_claim = claim["claim"]
        self.actors = [Reporter(self, n) for n in range(1, REPORTERS + 1)] + [Rotator(self)]
        for one in self.actors:
            one.join(claim["token"])
        self.actors += [Joiner(self), Uploader(self, 3, "thermostat"), Uploader(self, 4, "lamp"),
                        Deployer(self), Chief(self)]
        self.actors[-1].found()

    def work(self, actors, until):
        """One thread's actors in turn, until the server is gone or it is time."""
        while self.victim.is_alive() and time.monotonic() < until:
            for one in actors:
                try:
                    one.step()
                except LOST:
                    if self.victim.is_alive():
                        time.sleep(0.002)
                except AssertionError as fault:
                    self.faults.append(str(fault))
                    return

    def live(self, seconds):
        """All actors at once, on four threads, for so long or until the server dies."""
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=self.work, args=(self.actors[n::4], until))
                   for n in range(4)]
        for one in threads:
            one.start()
        return threads

    def check_files(self, database):
        """Each file of a release is there, whole; what is there under a digest has it."""
        wrong = []
        blobs = self.victim.data / "blobs"
        rows = {row[0].lower(): row[1] for row in database.execute(
            "select distinct hex(file_sha256), size from files")}
        for name in rows:
            path = blobs / name
            if not path.exists():
                wrong.append(f"file {name[:8]} of a release is gone")
        for path in blobs.iterdir():
            if path.name.startswith("new-"):
                wrong.append(f"an interrupted upload left {path.name}")
            elif sha256_hex(path.read_bytes()) != path.name:
                wrong.append(f"half a file is visible as {path.name[:8]}")
        return wrong

    def check(self, is_whole):
        """After a restart."""
        database = sqlite3.connect(f"file:{self.victim.data}/godwit.db?mode=ro", uri=True)
        try:
            said = database.execute("pragma integrity_check").fetchone()[0]
            if said != "ok":
                self.integrity = said.replace(" ", "-")
                self.faults.append(said)
            half = self.check_files(database)
            wrong = [sentence for one in self.actors for sentence in one.check(database)]
            for token in self.void[-1:]:
                held = database.execute("select count(*) from devices where token_sha256 = ?", (
                    hashlib.sha256(bytes.fromhex(token)).digest(),)).fetchone()[0]
                if held:
                    wrong.append("a device's token that was void is good again")
        finally:
            database.close()
        if is_whole:
            self.check_audit()
        twice = [one for one in wrong if " times" in one or "were made" in one]
        self.reports["half"] += len(half)
        self.reports["twice"] += len(twice)
        self.reports["lost"] += len(wrong) - len(twice)
        self.faults += half + wrong
        self.checked += 1

    def check_audit(self):
        done = self.victim.run("audit", "verify", "--data", self.victim.data, check=False)
        if done.returncode:
            self.faults.append(f"audit verify: {done.stdout}{done.stderr}")
            self.reports["lost"] += 1

    def kill_once(self, n, chance):
        """One life: the server starts, all work, it is killed. Whether at a call."""
        at_call = n % 3 != 0
        flavour = (NOT_DONE, HALF_DONE, DONE)[n // 3 % 3]
        nth = 1 + n * 2 // 3 % NTH_MAX
        if at_call and n % 5 == 0:  # from the first call of the start on
            self.victim.faults.arm(KILL, CHANGES, nth % 40 + 1, flavour)
        if not self.victim.start():
            return True
        if at_call and n % 5:
            self.victim.faults.arm(KILL, CHANGES, nth, flavour)
        threads = self.live(RANDOM_S if not at_call else 3.0)
        if not at_call:
            time.sleep(chance.uniform(0.0, RANDOM_S))
            self.victim.kill()
        for one in threads:
            one.join()
        died_at_call = not self.victim.is_alive() and at_call
        self.victim.kill()
        return died_at_call

    def revive(self, is_whole):
        self.victim.faults.disarm()
        assert self.victim.start()
        self.slowest_s = max(self.slowest_s, self.victim.start_s)
        self.check(is_whole)
        self.victim.kill()


def start_time(count):
    """Seconds until a server of so many devices, which was killed at work, answers."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="godwit-start-"))
    victim = Victim(folder)
    try:
        assert victim.start()
        victim.end()
        fleet_db.fill(victim.data / "godwit.db", count)
        assert victim.start()  # what it writes once for such rows
        line = Line(victim, victim.admin)
        for n in range(200):
            line.ask("POST", "/api/v1/claims", {"product": "product-1", "count": 1 + n})
        victim.kill()
        times = []
        for _ in range(STARTS):  # the machine may be busy: the quickest is what the start takes
            assert victim.start()
            victim.kill()
            times.append(victim.start_s)
        print("starts:", *(f"{one:.2f}" for one in times), "s")
        return min(times)
    finally:
        if victim.is_alive():
            victim.kill()
        shutil.rmtree(folder, ignore_errors=True)


def play(kills, seed):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="godwit-kill-"))
    chance, at_calls = random.Random(seed), 0
    world = World(folder)
    world.victim.kill()
    try:
        for n in range(1, kills + 1):
            at_calls += world.kill_once(n, chance)
            world.revive(n % AUDIT_EVERY == 0 or n == kills)
            if world.faults:
                print(f"kill {n}:", *world.faults[:20], sep="\n  ")
                print(world.victim.log()[-1500:])
                break
            if n % 100 == 0:
                print(f"{n} kills, {at_calls} of them at a call, "
                      f"{sum(one.acknowledged for one in world.actors)} answers", flush=True)
    finally:
        if world.victim.is_alive():
            world.victim.kill()
        if not world.faults:
            shutil.rmtree(folder, ignore_errors=True)
    return world, n, at_calls


def main():
    is_short = "--short" in sys.argv[1:]
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    kills = numbers[0] if numbers else KILLS_SHORT if is_short else KILLS
    world, done, at_calls = play(kills, numbers[1] if len(numbers) > 1 else SEED)
    start_s = 0.0 if is_short else start_time(START_DEVICES)
    acknowledged = sum(one.acknowledged for one in world.actors)
    said = " ".join(f"{name}={count}" for name, count in world.reports.items())
    print(f"figure kill kills={done} at_calls={at_calls} acknowledged={acknowledged} {said}"
          f" integrity={world.integrity} start_s={start_s:.2f}")
    return bool(world.faults) or done < kills or start_s > START_BAR_S


if __name__ == "__main__":
    sys.exit(main())
