#!/usr/bin/env python3
"""`godwit doctor`: all is well beside a running service, and each thing that is broken is named
with what to do."""
import sqlite3
import subprocess
import time

from fixture import GODWIT, HANG_S, fixture, main


def examined(one):
    done = subprocess.run([GODWIT, "doctor"], capture_output=True, text=True, timeout=HANG_S,
                          env=one.environment, cwd=one.folder, check=False)
    assert not done.stderr, done.stderr
    rows = {line[:15].strip(): line[16:] for line in done.stdout.splitlines()[:-1]}
    return done.returncode, rows


def test_all_is_well():
    with fixture() as one:
        server = one.serve()
        one.run("upload", one.pack("1.0.0"))
        status, rows = examined(one)
        assert status == 0 and len(rows) == 9, rows
        assert not [row for row in rows.values() if row.startswith("WRONG")], rows
        assert "all 1 are there" in rows["images"]
        one.end(server)
        status, rows = examined(one)
        assert status == 1 and "is `godwit serve` running?" in rows["service"], rows


def test_each_fault_is_named():
    with fixture() as one:
        one.serve()
        one.run("upload", one.pack("1.0.0"))
        blob = next((one.data / "blobs").iterdir())
        blob.rename(one.folder / "kept")
        assert "1 of 1 are missing" in examined(one)[1]["images"]
        (one.data / "deploy.pem").chmod(0o644)
        assert "is open to other users" in examined(one)[1]["secrets"]
        (one.data / "tls" / "server.pem").unlink()
        assert examined(one)[1]["certificate"].startswith("warning")
        one.end(one.processes[0])
        rows = sqlite3.connect(one.data / "godwit.db")
        rows.execute("pragma foreign_keys = off")
        rows.execute("insert into devices (org, device_id, token_sha256, product, created,"
                     " last_seen) values ('x', x'00', x'00', 1, 0, ?)", (int(time.time()) + 9000,))
        rows.commit()
        rows.close()
        assert "behind a device's last check-in" in examined(one)[1]["clock"]
        database = one.data / "godwit.db"
        good = database.read_bytes()
        database.write_bytes(good[:4096] + b"\xff" * 8192 + good[12288:])
        status, rows = examined(one)
        assert status == 1 and "restore the last backup" in rows["database"], rows


def test_settings_name_the_data():
    """The file by which the service runs is enough for all that works on its data."""
    with fixture() as one:
        server = one.serve()
        good, bad = one.folder / "good.conf", one.folder / "bad.conf"
        good.write_text(f"data = {one.data}\n")
        bad.write_text(f"data = {one.data}\nintervall = 3\n")
        restored = one.folder / "restored.conf"
        restored.write_text(f"data = {one.folder / 'restored'}\n")
        one.environment = {name: value for name, value in one.environment.items()
                           if name != "GODWIT_DATA"}
        running = (["doctor"], ["ca"], ["rekey"], ["audit", "verify"], ["audit", "export"],
                   ["backup", one.folder / "copy"])
        stopped = (["user", "list"], ["user", "password", "admin"], ["user", "recover", "admin"])
        for words in (*running, *stopped):
            assert "the nearest is interval" in one.refusal(*words, "--settings", bad, status=2)
            assert "give one" in one.refusal(*words, "--settings", good, "--data", "x", status=2)
        for words in running:
            one.run(*words, "--settings", good)
        assert "a server runs" in one.refusal("user", "list", "--settings", good)
        one.end(server)
        for words in stopped:
            one.run(*words, "--settings", good)
        one.run("restore", one.folder / "copy", "--settings", restored)
        assert (one.folder / "restored" / "godwit.db").exists()


if __name__ == "__main__":
    main(globals())
