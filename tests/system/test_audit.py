"""The audit log by hand: what the commands show of a real service, and what the verifier says once
somebody has been at the database, record by record."""
import re
import shutil
import sqlite3
import subprocess

from fixture import GODWIT, fixture, wait_until


def audit(*words):
    return subprocess.run([GODWIT, "audit", *map(str, words)], capture_output=True, text=True,
                          check=False)


def play(world):
    """A service with a few changes, stopped again."""
    server = world.serve()
    for version in ("1.0.0", "1.1.0"):
        world.run("upload", world.pack(version))
    world.run("deploy", "thermostat", "1.0.0")
    listed = world.run("audit", "list")
    assert "image.uploaded" in listed and "rollout.created" in listed
    assert world.run("audit", "list", "--action", "rollout.*").count("\n") == 2
    assert len(world.json("audit", "list", "--limit", 2)["items"]) == 2
    world.run("audit", "verify", "--data", world.data)
    world.end(server)


def test_witness(world):
    """The owner of the server and its key cuts the log and its checkpoints: a device knows."""
    server = world.serve()
    device = world.start("device", "--flash", "one.flash", "--image", world.pack("1.0.0"),
                         *world.enrolment(), log="device.log")
    wait_until(lambda: "check-in 2" in world.text("device.log"), what="two check-ins")
    world.end(device)
    witness = re.search(r"audit log: ([0-9a-f]{32})", world.text("device.log"))[1]
    world.end(server)
    whole = audit("verify", "--data", world.data, "--witness", witness)
    assert whole.returncode == 0, whole.stdout
    copy = world.folder / "cut"
    shutil.copytree(world.data, copy)
    with sqlite3.connect(copy / "godwit.db") as db:
        db.execute("delete from audit where sequence > 1")
        db.execute("delete from audit_checkpoints")
    assert audit("verify", "--data", copy).returncode == 0
    cut = audit("verify", "--data", copy, "--witness", witness)
    assert cut.returncode == 1 and "unwitnessed" in cut.stdout, cut.stdout


def test_deeds(world):
    folder, data = world.folder, world.data
    path = data / "godwit.db"
    with sqlite3.connect(path) as db:
        last = db.execute("select max(sequence) from audit").fetchone()[0]
        columns = [row[1] for row in db.execute("pragma table_info(audit)")]
    assert last >= 4 and len(columns) == 13
    deeds = [(k, f"update audit set {c} = {c} || 'x' where sequence = {k}")
             for k in range(1, last + 1) for c in columns[1:] if c != "time"]
    deeds += [(k, f"update audit set time = time + 1 where sequence = {k}")
              for k in range(1, last + 1)]
    deeds += [(k, f"delete from audit where sequence = {k}") for k in range(1, last + 1)]
    deeds += [(k, f"delete from audit where sequence >= {k}") for k in range(2, last + 1)]
    for place, sql in deeds:
        copy = folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(data, copy)
        with sqlite3.connect(copy / "godwit.db") as db:
            db.execute(sql)
        told = audit("verify", "--data", str(copy))
        assert told.returncode == 1, (sql, told.stdout)
        first = int(told.stdout.split()[1].rstrip(":"))
        assert place <= first <= place + 1, (sql, told.stdout)
    return len(deeds)


def test_export(world):
    folder, data = world.folder, world.data
    export = audit("export", "--data", str(data))
    lines = export.stdout.splitlines(keepends=True)
    assert export.returncode == 0 and len(lines) > 4
    file = folder / "log.ndjson"
    file.write_text(export.stdout, encoding="utf-8")
    assert audit("verify", str(file), "--key", str(data / "deploy.pem")).returncode == 0
    assert "any key" in audit("verify", str(file)).stdout
    other = folder / "other.pem"
    world.run("keygen", "--scheme", "ecdsa256", other)
    assert "wrong-key" in audit("verify", str(file), "--key", str(other)).stdout
    for i, line in enumerate(lines):
        file.write_text("".join(lines[:i] + lines[i + 1:]), encoding="utf-8")
        is_last_checkpoint = i == len(lines) - 1 and "checkpoint" in line
        told = audit("verify", str(file))
        assert told.returncode == (0 if is_last_checkpoint else 1) or "checkpoint" in line[:20], \
            (line, told.stdout)
    file.write_text(lines[0] + "{}\n", encoding="utf-8")
    told = audit("verify", str(file))
    assert told.returncode == 1 and "line 2" in told.stdout, told.stdout
    assert audit("verify", str(folder / "none")).returncode == 1
    assert audit("verify", "--witness", "12").returncode == 2
    assert audit("nonsense").returncode == 2


with fixture() as the_world:
    play(the_world)
    COUNT = test_deeds(the_world)
    test_export(the_world)
    test_witness(the_world)
print(f"{COUNT} deeds, each found in its place")
