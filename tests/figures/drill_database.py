"""The thief of a stolen server edits its database while it is stopped, and starts it again: the
real agent must run nothing that its maker has not signed for it, and `godwit audit verify` must
name the record by which the thief would hide. Used by drill.py."""

import hashlib
import json
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from fixture import GODWIT, fixture, wait_until  # noqa: E402
from service import DAY_S, Shift  # noqa: E402

DEVICE = "026777000001"
GENUINE = ("1.0.0", "1.1.0")  # what runs, and what the open rollout is of
SEEN_S = 25
SETTLES_S = 3
NEXT = "release = (select id from releases where version = '1.1.0')"


class Stolen:
    """A server that was stopped with a rollout of 1.1.0 open, and its device, which runs 1.0.0."""

    def __init__(self, one):
        self.one, self.files = one, {}
        self.source, self.flash = one.folder / "stolen", one.folder / "kitchen.flash"
        one.data = self.source
        one.environment["GODWIT_DATA"] = str(self.source)
        server = one.serve()
        one.run("upload", one.pack("0.1.0"))
        self.join = one.enrolment()
        one.key("thief")
        seed = one.folder / "seed"
        self.make("old", "0.9.0", 1, "--from-initial", seed)
        self.make("begin", "0.9.5", 2, "--from-initial", seed, "--rollback-floor", 2)
        came = ("--from-image", self.files["begin"])
        self.make("first", "1.0.0", 3, *came, "--rollback-floor", 2)
        self.make("next", "1.1.0", 4, *came, "--rollback-floor", 2)
        self.make("unsigned", "6.6.6", 4, *came, key=None)
        self.make("thiefs", "6.6.7", 4, *came, key="thief")
        self.make("policy", "6.6.8", 4, *came, "--key", one.key("thief"), key="thief")
        self.make("other", "6.6.9", 4, project="doorbell")
        for name in ("begin", "first", "next"):
            one.run("upload", self.files[name])
        one.run("deploy", "thermostat", GENUINE[0])
        device = self.device(self.join, "first.log")  # it knows a sequence from then on
        one.wait_for(DEVICE, GENUINE[0])
        one.end(device)
        self.before = self.flash.read_bytes()
        one.run("deploy", "thermostat", GENUINE[1])
        one.end(server)

    def make(self, name, version, counter, *policy, key="key", project="thermostat"):
        one, plain = self.one, self.one.folder / f"{name}.plain"
        one.run("pack", "--project", project, "--version", version, "--seed", counter, plain)
        one.run("policy", plain, "--counter", counter, *(policy or ("--key", one.key(),
                                                                 "--no-deploy-key")))
        self.files[name] = one.folder / f"{name}.bin"
        if key:
            one.run("sign", "--key", one.key(key), plain, self.files[name])
        else:
            shutil.copy(plain, self.files[name])

    def device(self, join, log):
        return self.one.start("device", "--flash", self.flash, "--mac", DEVICE,
                              "--image", self.files["begin"], *join, log=log)

    def facts(self, name):
        """(digest of the image, digest of the file, size)"""
        found = json.loads(self.one.run("inspect", self.files[name], "--json"))
        data = self.files[name].read_bytes()
        return found["image_sha256"], hashlib.sha256(data).hexdigest(), len(data)


def replace_image(stolen, data, db, name):
    """What is called 1.1.0 is this file from now on, and its blob lies there. That it is signed as
    before is what the server goes on to believe, so that it offers it."""
    image, file, size = stolen.facts(name)
    shutil.copy(stolen.files[name], data / "blobs" / file)
    db.execute(f"update images set image_sha256 = ?, file_sha256 = ?, file_size = ? where {NEXT}",
               (bytes.fromhex(image), bytes.fromhex(file), size))
    db.execute(f"update or replace files set file_sha256 = ?, size = ? where image ="
               f" (select id from images where {NEXT})", (bytes.fromhex(file), size))


def edit_unsigned(stolen, data, db):
    replace_image(stolen, data, db, "unsigned")


def edit_thiefs(stolen, data, db):
    replace_image(stolen, data, db, "thiefs")


def edit_policy(stolen, data, db):
    replace_image(stolen, data, db, "policy")
    policy = stolen.files["policy"].read_bytes()[0x120:0x120 + 328]
    db.execute(f"update images set policy = ? where {NEXT}", (policy,))


def edit_other(stolen, data, db):
    replace_image(stolen, data, db, "other")


def edit_old(stolen, data, db):
    replace_image(stolen, data, db, "old")
    db.execute("update rollouts set allow_downgrade = 1")


def edit_sequence(_stolen, _data, db):
    db.execute("update sequence_mark set mark = 1")


def edit_token(_stolen, _data, db):
    db.execute("update devices set token_sha256 = ?", (hashlib.sha256(b"thief").digest(),))


# (name, edit, what the device then says; days by which the server's clock is wrong)
EDITS = (
    ("database-unsigned", edit_unsigned, r"\((signature-format|unsigned)\)", 0),
    ("database-thiefs-key", edit_thiefs, r"\(signature-key\)", 0),
    ("database-policy", edit_policy, r"\((signature-key|policy-keys)\)", 0),
    ("database-other-product", edit_other, r"\(wrong-product\)", 0),
    ("database-below-floor", edit_old, r"\((below-rollback-floor|counter-differs)\)", 0),
    ("database-sequence", edit_sequence, r"\(instruction-sequence\)", -2),
    ("database-token", edit_token, "pending: known under another token", 0),
)
SAMPLE = ("database-thiefs-key", "database-token")


def hide(db, row):
    """The record of the rollout is edited or goes, which the one behind it shows; its number."""
    number, = db.execute("select sequence from audit where action = 'rollout.created'"
                         " order by sequence desc").fetchone()
    if row % 2:
        db.execute("delete from audit where sequence = ?", (number,))
    else:
        db.execute("update audit set object = 'nothing' where sequence = ?", (number,))
    return number


def runs(one, flash):
    """The version that this flash boots."""
    told = one.run("flash", flash)
    slot = re.search(r"boots (\w+)$", told, re.M)[1]
    return re.search(rf"^\s+{slot}\s.*?0x\w+\s+0x\w+\s+\S+ (\S+)", told, re.M)[1]


def play(stolen, row, name, edit, says, days):
    """None where it is held, else what is wrong."""
    one = stolen.one
    data = one.folder / name
    shutil.copytree(stolen.source, data)
    stolen.flash.write_bytes(stolen.before)
    db = sqlite3.connect(data / "godwit.db")
    edit(stolen, data, db)
    number = hide(db, row)
    db.commit()
    db.close()
    one.data = data
    one.environment["GODWIT_DATA"] = str(data)
    clock = Shift(one.folder)
    clock.set(days * DAY_S)
    server = one.serve(log=f"{name}.serve.log", prefix=clock.prefix if days else ())
    device = stolen.device(["--server", one.url, *stolen.join[2:]], f"{name}.device.log")

    def seen():
        return re.search(says, one.text(f"{name}.device.log"))

    try:
        wait_until(seen, SEEN_S, what=f"{name} to reach the agent")
        time.sleep(SETTLES_S)
    except AssertionError as late:
        return str(late)
    finally:
        one.end(device)
        one.end(server)
    version = runs(one, stolen.flash)
    if version != GENUINE[0]:
        return f"the device runs {version}"
    verified = subprocess.run([GODWIT, "audit", "verify", "--data", str(data)], text=True,
                              capture_output=True, check=False)
    named = set(re.findall(r"^record (\d+):", verified.stdout, re.M))
    if verified.returncode != 1 or not named & {str(number), str(number + 1)}:
        return f"the log's place {number} was not named: {verified.stdout}"
    return None


def control(stolen):
    """Unedited, the device takes the rollout: else nothing was proved."""
    one = stolen.one
    stolen.flash.write_bytes(stolen.before)
    one.data = stolen.source
    one.environment["GODWIT_DATA"] = str(one.data)
    server = one.serve(log="control.log")
    device = stolen.device(["--server", one.url, *stolen.join[2:]], "control.device.log")
    one.wait_for(DEVICE, GENUINE[1])
    one.end(device)
    one.end(server)


def drill(is_short):
    """(attempts, how many of them were not held), with a line for each that was not."""
    attempts = wrong = 0
    with fixture() as one:
        stolen = Stolen(one)
        for row, (name, *edit) in enumerate(EDITS):
            if is_short and name not in SAMPLE:
                continue
            attempts += 1
            why = play(stolen, row, name, *edit)
            wrong += why is not None
            if why:
                print(f"not held: {name}: {why}")
        control(stolen)
    return attempts, wrong


if __name__ == "__main__":
    print(drill("--short" in sys.argv))
