#!/usr/bin/env python3
"""`godwit backup` beside a running server that is uploaded to, and `godwit restore`: every release
is there, devices go on, what is damaged or unfinished is refused with what to do."""
import pathlib
import sqlite3
import stat
import threading

from fixture import HANG_S, PRODUCT, fixture, main, wait_until


def open_modes(folder):
    return [str(path) for path in pathlib.Path(folder).rglob("*")
            if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077]


def restored(one, server, name):
    """Serves from a restored copy under the address of before."""
    port = one.url.rsplit(":", 1)[1]
    one.end(server)
    one.data = one.folder / name
    one.environment["GODWIT_DATA"] = str(one.data)
    return one.serve("--listen", f"127.0.0.1:{port}", log=f"{name}.log")


def test_a_running_service_is_carried_away_and_back():
    with fixture() as one:
        server = one.serve()
        first = one.pack("1.0.0")
        one.run("upload", first)
        device = one.start("device", "--flash", one.folder / "one.bin", "--image", first,
                           *one.enrolment(10), log="device.log")
        wait_until(lambda: one.devices(), what="the device")
        stop, versions = threading.Event(), []

        def upload_more():
            for n in range(1, 200):
                if stop.is_set():
                    return
                one.run("upload", one.pack(f"2.0.{n}"))
                versions.append(f"2.0.{n}")

        uploads = threading.Thread(target=upload_more)
        uploads.start()
        wait_until(lambda: len(versions) > 1, what="two uploads")
        before = list(versions)
        said = one.run("backup", one.folder / "carried")
        stop.set()
        uploads.join(HANG_S)
        assert "holds the database" in said, said
        assert not open_modes(one.folder / "carried")
        assert not (one.folder / "carried" / "lock").exists()
        rollouts = one.json("deploy", PRODUCT, "2.0.1")["rollout_id"]
        wait_until(lambda: "2.0.1" in str(one.devices()), what="the update")
        one.run("restore", one.folder / "carried", "--data", one.folder / "again")
        restored(one, server, "again")
        kept = [row["version"] for row in one.json("status")["releases"]]
        assert set(before) <= set(kept), (before, kept)
        one.run("deploy", PRODUCT, before[-1])
        wait_until(lambda: f"confirmed: {before[-1]}" in one.text("device.log"),
                   what="an update from the restored server")
        assert device.poll() is None
        given = [row["rollout_id"] for row in one.json("status")["rollouts"]]
        assert all(number > rollouts + 1000 for number in given), "a number was given twice"


def test_what_is_damaged_is_refused():
    with fixture() as one:
        one.end(one.serve())
        one.serve()
        one.run("upload", one.pack("1.0.0"))
        carried = one.folder / "carried"
        one.run("backup", carried)
        assert "is not empty" in one.refusal("backup", carried)
        assert "holds no database" in one.refusal("backup", one.folder / "x", "--data", one.folder)
        assert "is not empty" in one.refusal("restore", carried)
        blob = next((carried / "blobs").iterdir())
        whole = blob.read_bytes()
        blob.write_bytes(whole[:100] + b"!" + whole[101:])
        assert "is damaged" in one.refusal("restore", carried, "--data", one.folder / "a")
        blob.unlink()
        assert "blobs/ does not hold it" in one.refusal("restore", carried, "--data",
                                                        one.folder / "b")
        blob.write_bytes(whole)
        database = carried / "godwit.db"
        good = database.read_bytes()
        database.write_bytes(good[:4096] + b"\xff" * 8192 + good[12288:])
        assert "damaged" in one.refusal("restore", carried, "--data", one.folder / "c")
        database.write_bytes(good)
        (carried / "backup").unlink()
        assert "no whole backup" in one.refusal("restore", carried, "--data", one.folder / "d")


def test_a_restore_is_whole_or_not_served():
    """The keys come last: a data directory without them is refused by serve."""
    with fixture() as one:
        server = one.serve()
        one.run("backup", one.folder / "carried")
        one.end(server)
        (one.folder / "carried" / "deploy.pem").rename(one.folder / "kept.pem")
        one.run("restore", one.folder / "carried", "--data", one.folder / "half")
        assert "deploy" in one.refusal("serve", "--data", one.folder / "half")
        rows = sqlite3.connect(one.folder / "half" / "godwit.db")
        assert rows.execute("pragma integrity_check").fetchone() == ("ok",)


if __name__ == "__main__":
    main(globals())
