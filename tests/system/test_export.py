#!/usr/bin/env python3
"""All devices of a fleet in one answer: over HTTP and by the command line, to clients that read,
that do not read, that leave, and from a server that is killed midway."""
import csv
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import fixture
from fixture import GODWIT, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "figures"))
import fleet_db  # noqa: E402

COUNT = 12000
HOSTILE = "=cmd|' /C calc'!A0\x1b[31m\x7f\u202e\",\r\n;@x"
ONE = fleet_db.device_id(7)[:6].hex()
SLOW = ("--limit-rate", "20k")


def begin(world):
    """A server with that many devices, one of which has a name that no check would let in."""
    world.end(world.serve())
    fleet_db.fill(world.data / "godwit.db", COUNT)
    database = fleet_db.sqlite3.connect(world.data / "godwit.db")
    with database:
        database.execute("update devices set name = ?, name_key = 'x' where id_text = ?",
                         (HOSTILE, ONE))
        database.execute("insert into tags (org, device, tag_name, tag_key, tag) select org, id,"
                         " 'site', 'site=berlin', 'site=Berlin' from devices where id_text = ?",
                         (ONE,))
    database.close()
    serve = world.serve()
    wait_until(lambda: len(rows(world, "?filter=product:product-1")) == COUNT // 3,
               what="the sweep")
    return serve


def curl(world, query, *words, token=None, **options):
    token = token or (world.data / "admin-token").read_text().strip()
    command = ["curl", "--silent", "--show-error", "--cacert", world.data / "tls/ca.pem", "-H",
               f"Authorization: Bearer {token}", *words,
               f"{world.url}/api/v1/devices/export{query}"]
    return subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            **options)


def body(world, query="", **options):
    process = curl(world, query, "--fail", **options)
    data, error = process.communicate(timeout=fixture.HANG_S)
    assert process.returncode == 0, error
    return data.decode()


def rows(world, query="", **options):
    return list(csv.DictReader(body(world, query, **options).splitlines(keepends=True)))


def exports(world):
    """How many run, by the server's own count."""
    token = (world.data / "admin-token").read_text().strip()
    done = subprocess.run(["curl", "--silent", "--fail", "--cacert", world.data / "tls/ca.pem",
                           "-H", f"Authorization: Bearer {token}", f"{world.url}/metrics"],
                          capture_output=True, text=True, check=True, timeout=fixture.HANG_S)
    return int(done.stdout.split("\ngodwit_exports ")[1].split()[0])


def check_whole(world):
    data = body(world)
    assert data.endswith("\r\n") and data.count("\r\n") == COUNT + 1
    assert not set("\x1b\x7f\u202e\t") & set(data)
    read = list(csv.DictReader(data.splitlines(keepends=True)))
    ids = [row["device_id"] for row in read]
    assert len(ids) == COUNT and ids == sorted(set(ids))
    one = read[ids.index(ONE)]
    assert one["name"] == "'=cmd|' /C calc'!A0?[31m??\",??;'@x", one
    assert one["tags"] == "site=Berlin" and one["last_seen"].endswith("Z"), one
    lines = [json.loads(line) for line in body(world, "?format=ndjson").splitlines()]
    assert [line["device_id"] for line in lines] == ids
    assert lines[ids.index(ONE)]["name"] == HOSTILE
    assert list(lines[0]) and set(lines[0]) == set(read[0])


def check_filter(world):
    third = rows(world,
                 "?filter=product:product-1&sort=-device_id&fields=version,product,device_id")
    ids = [row["device_id"] for row in third]
    assert {row["product"] for row in third} == {"product-1"} and list(third[0])[0] == "version"
    assert len(ids) == COUNT // 3 and ids == sorted(set(ids), reverse=True)
    made = world.run("token", "add", "viewer", "--scope", "read", "--product", "product-2",
                     "--user", "admin")
    token = next(word for word in made.split() if word.startswith("gwa."))
    assert {row["product"] for row in rows(world, token=token)} == {"product-2"}
    assert rows(world, "?filter=product:product-1", token=token) == []
    return token


def check_command(world):
    path = world.folder / "all.csv"
    said = world.run("devices", "--export", "csv", "--output", path)
    assert f"{COUNT} devices are in" in said, said
    assert path.read_bytes().decode() == body(world)
    assert world.run("devices", "tag:site=berlin", "--export", "ndjson").count("\n") == 1
    assert "csv" in world.refusal("devices", "--export", "xml", status=2)
    assert "--output" in world.refusal("devices", "--output", path, status=2)
    assert "did you mean" in world.refusal("devices", "sate:x", "--export", "csv")
    assert "No such file" in world.refusal("devices", "--export", "csv", "--output",
                                           world.folder / "nowhere/all.csv")
    assert [one.name for one in world.folder.glob("all.csv*")] == ["all.csv"]


def check_slow(world):
    """Those who hardly read keep nobody else out, and a fifth of them is told to come again."""
    slow = [curl(world, "", *SLOW) for _ in range(4)]
    wait_until(lambda: exports(world) == 4, what="four exports")
    began = time.monotonic()
    world.run("status")
    assert time.monotonic() - began < 20
    refused = curl(world, "", "--include")
    head = refused.communicate(timeout=fixture.HANG_S)[0].decode()
    assert " 503" in head.splitlines()[0] and "\nretry-after: " in head.lower(), head
    assert "as many exports" in world.refusal("devices", "--export", "csv")
    for process in slow:
        process.kill()
        process.communicate()
    wait_until(lambda: exports(world) == 0, what="the end of all exports")


def check_cuts(world):
    for n in range(20):
        process = curl(world, "?format=ndjson" if n % 2 else "", "--limit-rate",
                       "200k")
        process.stdout.read(1 + 4000 * n)
        process.kill()
        process.communicate()
    wait_until(lambda: exports(world) == 0, what="the end of all exports")
    assert len(rows(world)) == COUNT


def check_ended_token(world, token):
    """What lies between gets to the client, and no further page."""
    process = curl(world, "", "--limit-rate", "300k", token=token)
    size = len(process.stdout.read(1000))
    world.run("token", "revoke", world.json("token", "list")["tokens"][0]["id"])
    size += len(process.communicate(timeout=fixture.HANG_S)[0])
    assert process.returncode in (18, 56) and size < len(body(world)) // 3, (process, size)


def size_beside(path):
    try:
        return sum(one.stat().st_size for one in path.parent.glob(path.name + ".*"))
    except FileNotFoundError:  # it has just taken the old one's place
        return 0


def start_file(world, path):
    """The command, once it has rows in a file beside an old one."""
    path.write_text("an old one")
    process = subprocess.Popen([GODWIT, "devices", "--export", "csv", "--output", str(path)],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=world.environment, cwd=world.folder)
    wait_until(lambda: process.poll() is not None or size_beside(path), what="the first rows")
    return process


def stop_midway(world, path, others):
    """The same, stopped before the server could send all; on a busy machine that takes tries."""
    while True:
        process = start_file(world, path)
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.3)
        if process.poll() is None and exports(world) == others + 1:
            return process
        process.send_signal(signal.SIGCONT)
        process.communicate(timeout=fixture.HANG_S)


def check_killed(world, serve):
    """A server that goes midway is noticed by curl and by the command, which leaves no file."""
    path = world.folder / "cut.csv"
    slow = curl(world, "", *SLOW)
    slow.stdout.read(1000)
    piped = subprocess.Popen([GODWIT, "devices", "--export", "csv"], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=world.environment, cwd=world.folder)
    wait_until(lambda: exports(world) == 2, what="two exports")
    filed = stop_midway(world, path, 2)
    world.end(serve, signal.SIGKILL)
    filed.send_signal(signal.SIGCONT)
    for process in (piped, filed):
        data, error = process.communicate(timeout=fixture.HANG_S)
        assert process.returncode == 1 and b"not whole" in error and error.count(b"\n") == 1, error
        assert data.count(b"\n") < COUNT
    slow.communicate(timeout=fixture.HANG_S)
    assert slow.returncode in (18, 56), slow.returncode
    assert path.read_text() == "an old one"
    assert [one.name for one in world.folder.glob("cut.csv*")] == ["cut.csv"]


def check_interrupted(world):
    path = world.folder / "stopped.csv"
    process = stop_midway(world, path, 0)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=fixture.HANG_S)
    assert process.returncode == 1 and path.read_text() == "an old one"
    assert [one.name for one in world.folder.glob("stopped.csv*")] == ["stopped.csv"]


def test_export():
    # Until its sweep, the counts of a fleet that no server has made are none to hold answers to.
    os.environ.pop("TESTED_ANSWERS", None)
    with fixture.fixture() as world:
        serve = begin(world)
        check_whole(world)
        token = check_filter(world)
        check_command(world)
        check_slow(world)
        check_cuts(world)
        check_ended_token(world, token)
        check_interrupted(world)
        check_killed(world, serve)


if __name__ == "__main__":
    print(GODWIT)
    fixture.main(globals())
