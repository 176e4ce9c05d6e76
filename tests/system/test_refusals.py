"""What must be refused, and that each refusal is one line that says what to do."""

import fcntl
import functools
import hashlib
import http.client
import http.server
import json
import operator
import os
import pathlib
import pty
import re
import resource
import signal
import socket
import ssl
import subprocess
import termios
import threading
import time

from fixture import GODWIT, HANG_S, fixture, free_port, main, wait_until


def blobs(one):
    return sorted(path.name for path in (one.data / "blobs").rglob("*") if path.is_file())


def flipped(one, image, at, name):
    """A copy with one bit other than it was."""
    data = bytearray(image.read_bytes())
    data[at] ^= 1
    path = one.folder / name
    path.write_bytes(data)
    return path


def written(one, name, data):
    path = one.folder / name
    path.write_bytes(data)
    return path


def disk_takes_100_bytes():
    """In a child, before the program starts: a longer write fails, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))


def test_uploads():
    with fixture() as one:
        one.serve()
        good = one.pack("1.0.0")
        one.run("upload", good)
        new = one.pack("1.1.0")
        data = new.read_bytes()
        kept = blobs(one)
        twice = one.folder / "twice.bin"
        one.run("sign", "--key", one.key("second"), new, twice)
        size = twice.stat().st_size
        rows = [
            ("unsigned", one.pack("1.1.0", key=None), "carries no signature"),
            ("another's key", one.pack("1.1.0", key="stranger"), "not signed by a key"),
            ("a signature of other bytes", flipped(one, new, len(data) - 4096 + 900, "s.bin"),
             "sign"),
            ("a damaged body", flipped(one, new, 40000, "d.bin"), ""),
            ("truncated", written(one, "t.bin", data[:30000]), "send it whole"),
            ("oversize", written(one, "o.bin", data + bytes(17 << 20)), "16"),
            ("bytes behind", written(one, "b.bin", data + b"more"), "send it just as"),
            ("a damaged second block", flipped(one, twice, size - 4096 + 1216 + 900, "w.bin"),
             "sign the unsigned .bin again"),
            ("a UF2", written(one, "u.uf2", b"UF2\nWQ]\x9e" + bytes(504)), "UF2"),
            ("a zip", written(one, "z.zip", b"PK\x03\x04" + bytes(9000)), "zip"),
            ("an ELF", pathlib.Path("/bin/true"), "ELF"),
            ("a web page", written(one, "h.bin", b"<!DOCTYPE html><html>404</html>" * 300),
             "web page"),
            ("a gzip", written(one, "g.bin", b"\x1f\x8b\x08" + bytes(9000)), "gzip"),
            ("nothing", written(one, "e.bin", b""), "empty"),
            ("no known chip", written(one, "c.bin", data[:12] + b"\x77\x77" + data[14:]), ""),
        ]
        for name, path, words in rows:
            line = one.refusal("upload", path)
            assert words.lower() in line.lower(), f"{name}: '{words}' is not in '{line}'"
            assert blobs(one) == kept, f"{name}: left bytes behind"
        other = one.pack("1.0.0", project="doorbell")
        line = one.refusal("upload", "--product", "thermostat", other)
        assert "product doorbell, not thermostat" in line, line
        assert blobs(one) == kept
        assert [release["version"] for release in one.json("status")["releases"]] == ["1.0.0"]
        one.run("upload", new)  # and the good one passes
        assert len(blobs(one)) == len(kept) + 1


def test_policies():
    """A policy that can not be put in leaves the file as it was; one from a seed is taken."""
    with fixture() as one:
        one.serve()
        one.run("upload", one.pack("1.0.0"))
        seed = one.folder / "seed"
        one.run("claim", "policy", "thermostat", "--out", seed)
        one.run("upload", "--open", one.pack("1.0.0", key=None, project="doorbell"))
        open_policy = one.folder / "open-seed"
        one.run("claim", "policy", "doorbell", "--out", open_policy)
        plain, signed = one.pack("1.1.0", key=None), one.pack("1.1.0")
        data = plain.read_bytes()
        no_digest = data[:23] + b"\0" + data[24:-32]
        taken = data[:0x130] + b"rodata" + data[0x136:]
        taken = taken[:-33] + bytes([taken[-33] ^ functools.reduce(operator.xor, b"rodata")])
        taken += hashlib.sha256(taken).digest()
        key = ["--key", one.key()]
        bare = [*key, "--no-deploy-key"]
        plain_door = one.pack("1.0.0", key=None, project="doorbell")
        rows = [
            ("signed", signed, bare, "made before signing; take the unsigned .bin"),
            ("no digest", written(one, "n.bin", no_digest), bare, "--dont-append-digest"),
            ("no placeholder", written(one, "r.bin", taken), bare, "reserve 328 zero bytes"),
            ("damaged", flipped(one, plain, 5000, "f.bin"), bare, "build it again"),
            ("truncated", written(one, "t.bin", data[:3000]), bare, "send it whole"),
            ("the head only", written(one, "h.bin", data[:600]), bare, "send it whole"),
            ("the policy of another", plain, ["--from-initial", open_policy],
             "claim policy thermostat"),
            ("an open seed", plain_door, ["--from-initial", open_policy], "give --key"),
            ("no deploy key", plain, key, "take instructions unsigned"),
            ("a cut seed", plain, ["--from-initial", written(one, "s", seed.read_bytes()[:327])],
             "is no initial policy"),
            ("a key twice", plain, ["--from-initial", seed, *key, *key], "name each key once"),
            ("a seed for an image", plain, ["--from-image", seed], "--from-image"),
            ("an image without policy", plain, ["--from-image", signed], "carries no policy"),
        ]
        for name, path, words, wanted in rows:
            before = path.read_bytes()
            line = one.refusal("policy", path, "--counter", 1, *words)
            assert wanted in line, f"{name}: '{wanted}' is not in '{line}'"
            assert path.read_bytes() == before, f"{name}: the file has changed"
        before = sorted(one.folder.iterdir())
        one.refusal("policy", plain, "--counter", 1, *bare, preexec_fn=disk_takes_100_bytes)
        assert plain.read_bytes() == data and sorted(one.folder.iterdir()) == before

        one.run("policy", plain, "--counter", 2, "--from-initial", seed, *key)  # listed once
        filled = one.folder / "filled.bin"
        one.run("sign", *key, plain, filled)
        said = one.json("inspect", filled)["policy"]
        assert said["product"] == "thermostat" and said["counter"] == 2, said
        assert said["signed_by"] == said["image_keys"] and len(said["deploy_keys"]) == 1, said
        one.run("upload", filled)


def test_frozen_and_unknown():
    with fixture() as one:
        one.serve()
        one.run("upload", one.pack("1.0.0"))
        one.run("deploy", "thermostat", "1.0.0")
        assert "version" in one.refusal("upload", one.pack("1.0.0", "--seed", 9))
        one.refusal("deploy", "thermostat", "9.9.9")
        one.refusal("deploy", "doorbell", "1.0.0")
        one.refusal("deploy", "thermostat", "1.0.0", "--to", "0123456789ab")
        one.refusal("claim", "add", "doorbell")
        one.refusal("claim", "policy", "doorbell")
        one.refusal("devices", "0123456789ab")
        assert not list(one.folder.glob("*.policy"))
        before = sorted(one.folder.iterdir())
        one.refusal("claim", "policy", "thermostat", preexec_fn=disk_takes_100_bytes)
        assert sorted(one.folder.iterdir()) == before, "a cut initial policy was left"
        one.refusal("upload", one.folder / "nowhere.bin")


def test_open_product():
    """An unsigned file is taken where that was asked for, and said so."""
    with fixture() as one:
        one.serve()
        plain = one.pack("1.0.0", key=None)
        assert "carries no signature" in one.refusal("upload", plain)
        said = one.run("upload", "--open", plain)
        assert "unsigned" in said and "OPEN" in said, said
        assert "OPEN" in one.run("status")
        one.start("device", "--flash", one.folder / "026777000001.bin", "--image", plain,
                  *one.enrolment(), log="device.log")
        one.wait_for("026777000001", "1.0.0")
        one.run("upload", one.pack("1.1.0", key=None))
        one.run("deploy", "thermostat", "1.1.0", "--wait", "--timeout", HANG_S)
        one.wait_for("026777000001", "1.1.0")


def test_full_disk():
    """No byte more than 1.5 MiB goes into a file: the upload is refused, nothing of it stays."""
    with fixture() as one:
        large = one.pack("1.1.0", size=1900000)
        small = one.pack("1.0.0")
        one.serve(prefix=["bash", "-c", 'ulimit -f 1536 && exec "$0" "$@"'])
        line = one.refusal("upload", large)
        assert "disk" in line, line
        assert blobs(one) == []
        one.run("upload", small)
        assert len(blobs(one)) == 1


def test_missing_files():
    with fixture() as one:
        plain = one.pack("1.0.0", key=None)
        assert "nokey.pem" in one.refusal("sign", "--key", "nokey.pem", plain, "out.bin")
        assert not (one.folder / "out.bin").exists()
        one.serve()
        first = one.pack("1.0.0")
        one.run("upload", first)
        join = one.enrolment()
        line = one.refusal("device", "--flash", "d.bin", "--image", "nowhere.bin", *join)
        assert "nowhere.bin" in line
        join[join.index("--initial-policy") + 1] = first
        line = one.refusal("device", "--flash", "d.bin", "--image", first, *join)
        assert "godwit claim policy" in line
        assert not (one.folder / "d.bin").exists()


def test_wrong_usage():
    with fixture() as one:
        for words in (["deploy", "thermostat"], ["upload"], ["claim"],
                      ["status", "--nonsense"], ["fleet", "--count", "5"], ["nonsense"],
                      ["device", "--server", "https://127.0.0.1:1"]):
            one.refusal(*words, status=2)


def test_server_away():
    with fixture() as one:
        assert "no server is known here" in one.refusal("status")
        server = one.serve()
        assert one.end(server) == 0
        for words in (["status"], ["devices"], ["deploy", "thermostat", "1.0.0"],
                      ["upload", one.pack("1.0.0")]):
            assert "nothing answers at https://127.0.0.1:" in one.refusal(*words)
        assert "nothing answers" in one.refusal("status", "--server",
                                                f"https://127.0.0.1:{free_port()}")


def test_damaged_files():
    """A file that is there and can not be used is named, and never passed by in silence."""
    with fixture() as one:
        one.serve()
        good = (one.data / "server.json").read_text()
        for text in ("", '{"url":', "{}", "[]"):
            (one.data / "server.json").write_text(text)
            line = one.refusal("status")
            assert "server.json is damaged" in line and "godwit serve" in line, line
        (one.data / "server.json").write_text(good)
        broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        for text in ("", "rubbish", broken):
            line = one.refusal("status", "--ca", written(one, "ca.pem", text.encode()))
            assert "ca.pem holds no certificate" in line, line
        assert "there is no file" in one.refusal("upload", one.folder / "nosuch.bin")
        assert "no plain file" in one.refusal("upload", one.folder)
        assert "there is no product nosuch" in one.refusal("undo", "nosuch")


def test_lost_blob():
    """A file that is gone from the data directory stands in the log, for each time it is asked."""
    with fixture() as one:
        one.serve()
        first, new = one.pack("1.0.0"), one.pack("1.1.0")
        one.run("upload", first)
        one.run("upload", new)
        digest = hashlib.sha256(new.read_bytes()).hexdigest()
        next((one.data / "blobs").rglob(digest)).unlink()
        one.start("device", "--flash", one.folder / "026777000001.bin", "--image", first,
                  *one.enrolment(), log="device.log")
        one.wait_for("026777000001", "1.0.0")
        one.run("deploy", "thermostat", "1.1.0")
        wait_until(lambda: f"level=error event=file_not_read file={digest}" in
                   one.text("serve.log"), what="a line in the log")


def test_rollout_that_stands():
    """Why it stands: who is switched off, and who can not take the release."""
    mac = "026777000001"
    with fixture() as one:
        one.serve()
        first = one.pack("1.0.0")
        one.run("upload", first)
        one.run("upload", one.pack("1.1.0"))
        started = one.start("device", "--flash", one.folder / f"{mac}.bin", "--image", first,
                            *one.enrolment(), log="device.log")
        one.wait_for(mac, "1.0.0")
        one.end(started, signal.SIGINT)
        time.sleep(1.1)
        done = subprocess.run([GODWIT, "deploy", "thermostat", "1.1.0", "--wait", "--timeout", "1"],
                              capture_output=True, text=True, env=one.environment, cwd=one.folder,
                              timeout=HANG_S, check=False)
        assert done.returncode == 1, done
        assert "1 has not checked in since the rollout" in done.stderr, done
        assert "0 failed, 1 not seen since it began" in done.stdout, done
        assert "1 not seen since it began" in one.run("status")
        one.run("upload", one.pack("1.2.0", chip="esp32s3"))
        assert "no image for the esp32c3" in one.refusal("deploy", "thermostat", "1.2.0")
        one.run("deploy", "thermostat", "1.2.0", "--some-chips")
        assert "1 incompatible" in one.run("status")
        said = one.json("devices", mac)["events"][0]
        assert (said["kind"], said["reason"]) == ("not-offered", "no-image-for-chip"), said


def test_versions():
    """A version is one release, with one counter, and the next command is one that works."""
    with fixture() as one:
        one.serve()
        one.run("upload", one.pack("1.0.0"))
        plain, signed = one.pack("1.0.0", key=None), one.folder / "counted.bin"
        one.run("policy", plain, "--counter", 2, "--key", one.key(), "--deploy-key",
                one.key("else"))
        one.run("sign", "--key", one.key(), plain, signed)
        line = one.refusal("upload", signed)
        assert "counter 0" in line and "has 2" in line and "godwit delete" in line, line
        one.run("delete", "thermostat", "1.0.0")
        said = one.run("upload", signed)
        assert "can not be rolled out" in said and "deploy it with" not in said, said
        assert "counter 2" in one.run("status")


def test_lost_flash():
    """A device that lost its flash waits, is shown, and is let in; the former token is void."""
    mac = "026777000001"
    with fixture() as one:
        one.serve()
        first = one.pack("1.0.0")
        one.run("upload", first)
        one.run("upload", one.pack("1.1.0"))
        join = one.enrolment(3)
        flash, kept = one.folder / f"{mac}.bin", one.folder / "kept.bin"

        def device(log, path=flash):
            return one.start("device", "--flash", path, "--mac", mac, "--image", first, *join,
                             "--server", one.url, log=log)

        started = device("first.log")
        one.wait_for(mac, "1.0.0")
        # The server knows it before it knows itself that its token was taken.
        wait_until(lambda: "check-in 2" in one.text("first.log"), what="its second check-in")
        one.end(started, signal.SIGINT)
        flash.rename(kept)
        one.run("deploy", "thermostat", "1.1.0")
        started = device("second.log")
        wait_until(lambda: one.json("devices")["pending"], what="a token that waits")
        token = one.json("status")["pending"][0]["token"]
        for words in (["status"], ["devices"], ["devices", mac]):
            assert f"godwit accept {mac} {token}" in one.run(*words)
        assert one.json("devices", mac)["events"][0]["kind"] == "conflict"
        one.refusal("accept", mac, "0" * 16)
        one.refusal("accept", "0123456789ab", token)
        assert "nothing to clear" in one.refusal("accept", mac)
        one.refusal("accept", mac, token[:15], status=2)
        # A stranger asks as well: who asked last must be seen before anybody is let in.
        stranger = device("third.log", one.folder / "third.bin")
        wait_until(lambda: len(one.json("devices")["pending"]) == 2, what="the stranger")
        assert "another token has come since" in one.refusal("accept", mac, token)
        one.end(stranger, signal.SIGINT)
        one.run("reject", mac, one.json("devices")["pending"][0]["token"])
        one.run("accept", mac, token)
        assert not one.json("devices")["pending"]
        one.end(started, signal.SIGINT)  # else it asks again after a minute
        device("fourth.log")
        one.wait_for(mac, "1.1.0")
        assert one.json("status")["rollouts"][0]["succeeded"] == 1
        device("former.log", kept)
        wait_until(lambda: "no reply: 401" in one.text("former.log"), what="the former one's end")


def test_wrong_ca():
    """Neither the command line nor a device talks to a server that is not the trusted one."""
    with fixture() as one, fixture() as other:
        one.serve()
        other.serve()
        line = one.refusal("status", "--server", other.url)
        assert "does not prove to be the trusted server" in line, line
        other_ca = other.data / json.loads((other.data / "server.json").read_text())["ca"]
        line = one.refusal("status", "--server", one.url, "--ca", other_ca)
        assert "does not prove to be the trusted server" in line, line
        one.run("status", "--server", one.url)

        first = one.pack("1.0.0")
        one.run("upload", first)
        join = one.enrolment()
        token = join[join.index("--claim") + 1]
        spki = token.split(".")[2]
        wrong = token.replace(spki, ("A" if spki[0] != "A" else "B") + spki[1:])
        liar = join[:]
        liar[join.index("--claim") + 1] = wrong
        one.start("device", "--flash", one.folder / "026777000009.bin", "--image", first, *liar,
                  log="liar.log")
        wait_until(lambda: "no reply: " in one.text("liar.log"), what="a refusal")
        assert "certificate" in one.text("liar.log")
        assert "named by the claim token" in one.text("liar.log"), one.text("liar.log")
        one.start("device", "--flash", one.folder / "026777000008.bin", "--image", first, *join,
                  "--ca", other_ca, log="filed.log")
        wait_until(lambda: "no reply: " in one.text("filed.log"), what="a refusal")
        assert f"only the CA in {other_ca} is believed" in one.text("filed.log")
        assert "No such file" in one.refusal("device", "--flash", one.folder / "x.bin", "--image",
                                             first, *join, "--ca", one.folder / "none.pem")
        assert not one.devices()


def test_devices_that_can_not_be():
    """A first image that can not run, a file that is no flash: refused, and nothing is made."""
    with fixture() as one:
        one.serve()
        good = one.pack("1.0.0")
        one.run("upload", good)
        join = one.enrolment(2)
        data = good.read_bytes()
        other = one.pack("1.0.0", project="kettle")
        rows = [
            (written(one, "cut.bin", data[:30000]), (), "ends before the image does"),
            (flipped(one, good, 5000, "bad.bin"), (), "can not boot: "),
            (good, ("--chip", "esp32s3"), "--chip says ESP32-S3"),
            (one.key(), (), "--image takes an application image"),
            (written(one, "void.bin", b""), (), "an empty file"),
            (other, (), "godwit claim policy kettle"),
        ]
        before = sorted(one.folder.iterdir())
        for image, more, wanted in rows:
            for words in (("device", "--flash", one.folder / "z.fl"),
                          ("fleet", "--count", 2, "--dir", one.folder / "many"),
                          ("fleet", "--count", 2, "--dir", "none")):
                line = one.refusal(*words, *join, "--image", image, *more)
                assert wanted in line, f"'{wanted}' is not in '{line}'"
                assert line.isprintable(), line
                assert sorted(one.folder.iterdir()) == before, words
        line = one.refusal("device", "--flash", good, "--image", good, *join)
        assert "an ESP32 application image: there is no partition table" in line, line
        assert good.read_bytes() == data

        # A flash that is there, with the seed of another product: told when it boots.
        flash = one.folder / "026777000006.bin"
        device = one.start("device", "--flash", flash, "--image", good, *join, log="first.log")
        one.wait_for("026777000006", "1.0.0")
        one.end(device)
        assert "another product" not in one.text("first.log")
        device = one.start("device", "--flash", flash, "--image", good, *join, log="second.log")
        wait_until(lambda: "--image is not used" in one.text("second.log"), what="a word on it")
        one.end(device)
        one.run("upload", other)
        kettle = one.folder / "kettle.policy"
        one.run("claim", "policy", "kettle", "--out", kettle)
        stranger = [kettle if word == one.folder / "seed" else word for word in join]
        one.start("device", "--flash", flash, *stranger, log="third.log")
        wait_until(lambda: "the initial policy is of another product" in one.text("third.log"),
                   what="a word on the seed")


def test_replies_are_reported():
    """Who the device is, each request without a reply, the first with one, and `pending`."""
    with fixture() as one:
        server = one.serve()
        good = one.pack("1.0.0")
        one.run("upload", good)
        join = one.enrolment(2)
        flash = one.folder / "026777000005.bin"
        one.start("device", "--flash", flash, "--image", good, *join, log="device.log")
        one.wait_for("026777000005", "1.0.0")
        assert f"device 026777000005, flash {flash}\n" in one.text("device.log")
        port = one.url.rsplit(":", 1)[1]
        one.end(server)
        wait_until(lambda: re.search(r"no reply: .*\n(.*check-in.*\n)+.*no reply\n",
                                     one.text("device.log")), 60, "two requests without a reply")
        one.serve("--listen", f"127.0.0.1:{port}")
        wait_until(lambda: "the server replies again" in one.text("device.log"), what="a reply")
        # The same device with a flash of its own: the server knows it under another token.
        twin = one.folder / "twin.bin"
        one.start("device", "--flash", twin, "--mac", "026777000005", "--image", good, *join,
                  log="twin.log")
        wait_until(lambda: "pending: known under another token" in one.text("twin.log"),
                   what="pending")


def test_wrong_claim():
    with fixture() as one:
        one.serve()
        first = one.pack("1.0.0")
        one.run("upload", first)
        join = one.enrolment()
        claim = join[join.index("--claim") + 1]
        _, secret, spki = claim.split(".")
        unknown = join[:]
        unknown[join.index("--claim") + 1] = f"gw1.{secret[::-1]}.{spki}"
        one.start("device", "--flash", one.folder / "026777000001.bin", "--image", first, *unknown,
                  log="unknown.log")
        malformed = join[:]
        malformed[join.index("--claim") + 1] = "gw1.nothing"
        one.refusal("device", "--flash", one.folder / "026777000002.bin", "--image", first,
                    *malformed, status=2)
        # Used up: two devices, one place.
        one.start("device", "--flash", one.folder / "026777000003.bin", "--image", first, *join,
                  log="third.log")
        one.wait_for("026777000003", "1.0.0")
        one.start("device", "--flash", one.folder / "026777000004.bin", "--image", first, *join,
                  log="fourth.log")
        wait_until(lambda: "no reply" in one.text("fourth.log"), what="the fourth's refusal")
        seen = one.json("devices", "026777000003")["facts"]["checkins"]
        wait_until(lambda: one.json("devices", "026777000003")["facts"]["checkins"] > seen + 1,
                   what="time for the others to try")
        assert list(one.devices()) == ["026777000003"]
        for log in ("unknown.log", "fourth.log"):
            assert "no reply: 401, the server knows neither" in one.text(log), one.text(log)
            assert "enrolled" not in one.text(log)


def test_busy():
    with fixture() as one, fixture() as other:
        one.serve()
        assert other.end(other.serve()) == 0  # past its first start, which tells the password
        line = one.refusal("serve", "--data", one.data, "--listen", "127.0.0.1:0")
        assert "data" in line, line
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            line = other.refusal("serve", "--data", other.data, "--listen", address)
            assert address in line or "in use" in line, line
        one.run("status")  # the first one is untouched
        first = one.pack("1.0.0")
        one.run("upload", first)
        join = one.enrolment(2)
        flash = one.folder / "026777000001.bin"
        one.start("device", "--flash", flash, "--image", first, *join, log="device.log")
        one.wait_for("026777000001", "1.0.0")
        line = one.refusal("device", "--flash", flash, *join)
        assert "another process" in line, line
        line = one.refusal("device", "--flash", one.folder / "none.bin", *join)
        assert "--image" in line and not (one.folder / "none.bin").exists(), line


def test_login():
    with fixture() as one:
        server = one.serve()
        said = one.text("serve.log")
        password = next(word for line in said.splitlines() if "password" in line.lower()
                        for word in line.split()[::-1] if len(word) >= 12)
        ca = one.data / "tls" / "ca.pem"
        url = one.url
        elsewhere = one.environment.pop("GODWIT_DATA")
        assert "no server is known" in one.refusal("status")
        line = one.refusal("login", url, "--ca", ca, input="wrong\n")
        assert "password" in line, line
        assert "does not prove" in one.refusal("login", url, input=f"{password}\n")
        one.run("login", url, "--ca", ca, input=f"{password}\n")
        session = one.folder / "config" / "godwit" / "session.json"
        assert session.stat().st_mode & 0o777 == 0o600
        assert one.json("status")["devices"]["total"] == 0
        one.environment["GODWIT_DATA"] = elsewhere
        one.end(server)
        one.serve(log="second.log")
        assert password not in one.text("second.log"), "the password is printed once only"

def test_interrupted_password():
    """Ctrl-C at the password leaves a terminal that echoes, and ends the command."""
    with fixture() as one:
        one.serve()
        for key, number in ((b"\x03", signal.SIGINT), (b"\x1c", signal.SIGQUIT),
                            (b"\x1a\x03", signal.SIGINT)):
            controller, terminal = pty.openpty()
            process = subprocess.Popen(
                [GODWIT, "login", one.url, "--ca", one.data / "tls" / "ca.pem"], stdin=terminal,
                stdout=terminal, stderr=terminal, env=one.environment, start_new_session=True,
                preexec_fn=lambda: (fcntl.ioctl(0, termios.TIOCSCTTY, 0),
                                    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))))

            def echoes(terminal=terminal):
                return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)

            wait_until(lambda: not echoes(), what="a prompt without echo")
            os.write(controller, key)
            assert process.wait(60) == -number, process.returncode
            assert echoes(), "the terminal was left mute"
            os.close(controller)
            os.close(terminal)


def test_secrets_are_not_arguments():
    """One rule for all: @FILE, - and the environment; and what is no secret is said so."""
    with fixture() as one:
        one.serve()
        image = one.pack("1.0.0")
        one.run("upload", image)
        claim = one.folder / "claim"
        assert one.run("claim", "add", "thermostat", "--count", 3, "--out", claim) == (
            f"{claim}: lets 3 devices join\n")
        assert claim.stat().st_mode & 0o777 == 0o600
        join = one.enrolment()
        at = join.index("--claim")
        bare = join[:at] + join[at + 2:]

        def joins(number, *words, **environment):
            flash = one.folder / f"02677700000{number}.bin"
            kept = dict(one.environment)
            one.environment.update(environment)
            process = one.start("device", "--flash", flash, "--image", image, *bare, *words,
                                log=f"{number}.log")
            one.environment = kept
            one.wait_for(f"02677700000{number}", "1.0.0")
            secret = claim.read_text().split(".")[1]
            for process_file in ("cmdline",):
                shown = pathlib.Path(f"/proc/{process.pid}/{process_file}").read_bytes()
                assert secret.encode() not in shown
            one.end(process)

        joins(1, "--claim", f"@{claim}")
        joins(2, GODWIT_CLAIM=claim.read_text().strip())
        for words, said in ((["--claim", "@/nowhere"], "/nowhere No such file"),
                            (["--claim", f"@{written(one, 'void', b'')}"], "no first line"),
                            (["--claim", f"@{written(one, 'long', b'x' * 300)}"], "no first line"),
                            (["--claim", "-"], "standard input has no first line")):
            line = one.refusal("device", "--flash", one.folder / "x.bin", *bare, *words, status=2,
                               stdin=subprocess.DEVNULL)
            assert said in line, line
        password = re.search(r"password +(\S+)", one.text("serve.log"))[1]
        login = ["login", one.url, "--ca", one.data / "tls" / "ca.pem"]
        kept = written(one, "password", f"{password}\n".encode())
        one.run(*login, "--password", f"@{kept}")
        one.run(*login, "--password", "-", input=f"{password}\n")
        one.environment["GODWIT_PASSWORD"] = password
        one.run(*login)
        one.environment["GODWIT_PASSWORD"] = "wrong"
        assert "password is wrong" in one.refusal(*login)
        one.run(*login, "--password", f"@{kept}")


class Liar(http.server.BaseHTTPRequestHandler):
    """A server whose every text is a command to the terminal."""

    EVIL = "\x1b[2J\x1b]0;owned\x07\u202e\u009b31m\r\n"

    def do_GET(self):
        one = {name: name + self.EVIL for name in (
            "device_id", "product", "chip", "version", "slot", "state", "sentence", "cause",
            "reason", "name", "kind", "stage", "detail", "title", "token")}
        body = {**one, "items": [one], "next": self.EVIL, "pending": [one], "products": [one],
                "releases": [dict(one, images=[one])], "rollouts": [one], "facts": one,
                "server": one}
        self.answer(500 if "status" in self.path and self.server.fails else 200, body)

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *words):
        pass


def test_texts_that_command_a_terminal():
    """From a server that was taken over: no command shows what a terminal would obey."""
    with fixture() as one:
        one.end(one.serve())
        server = http.server.HTTPServer(("127.0.0.1", 0), Liar)
        server.fails = False
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(one.data / "tls" / "server.pem",
                                one.data / "tls" / "server-key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        there = ["--server", f"https://127.0.0.1:{server.server_port}", "--ca",
                 one.data / "tls" / "ca.pem"]
        said = [one.run(*words, *there) for words in
                (["status"], ["devices"], ["devices", "026777000001"])]
        server.fails = True
        said.append(one.refusal("status", *there))
        for text in said:
            assert "[2J" in text, text
            assert all(c.isprintable() or c == "\n" for c in text), ascii(text)
        assert "\x1b" in json.loads(one.run("devices", *there, "--json"))["product"]
        server.shutdown()


def test_wide_names_keep_the_columns():
    with fixture() as one:
        one.serve()
        long = "1.0.0-" + "x" * 25
        image = one.pack(long)
        one.run("upload", image)
        one.start("device", "--flash", one.folder / "026777000001.bin", "--image", image,
                  *one.enrolment(), log="device.log")
        one.wait_for("026777000001", long)
        head, row = one.run("devices").splitlines()
        assert head.index("SLOT") == row.index("ota_0"), (head, row)
        seen = row.rindex("up-to-date") + len("up-to-date")
        seen += len(row[seen:]) - len(row[seen:].lstrip())
        assert head.index("SEEN") == seen, (head, row)


class Guesser(threading.Thread):
    """One connection that tries a wrong password again and again."""

    def __init__(self, one, source, number):
        super().__init__(daemon=True)
        context = ssl.create_default_context(cafile=str(one.data / "tls" / "ca.pem"))
        host, port = one.url.removeprefix("https://").split(":")
        self.line = http.client.HTTPSConnection(host, int(port), context=context, timeout=HANG_S,
                                                source_address=(source, 0))
        self.body = json.dumps({"user": "admin", "password": f"guess {number}"})
        self.statuses, self.over = [], False

    def run(self):
        while not self.over and 429 not in self.statuses:
            self.line.request("POST", "/api/v1/login", self.body)
            answer = self.line.getresponse()
            answer.read()
            self.statuses.append(answer.status)


def source_of(number):
    """An address of this machine: of its own many, or every fourth time one that others see."""
    done = subprocess.run(["hostname", "-I"], capture_output=True, text=True)
    seen = [one for one in done.stdout.split() if "." in one]
    return seen[0] if seen and number % 4 == 0 else f"127.0.0.{2 + number % 20}"


def test_crowded_logins():
    """Forty connections that guess passwords keep nobody out who has logged in before."""
    with fixture() as one:
        one.serve("--listen", "0.0.0.0:0")
        password = re.search(r"password +(\S+)", one.text("serve.log"))[1]
        ca, url = one.data / "tls" / "ca.pem", one.url
        one.run("login", url, "--ca", ca, input=f"{password}\n")  # known from now on
        crowd = [Guesser(one, source_of(number), number) for number in range(40)]
        for guesser in crowd:
            guesser.start()
        wait_until(lambda: all(guesser.statuses for guesser in crowd), what="a crowd")
        slowest = 0
        for _ in range(5):
            begun = time.monotonic()
            one.run("login", url, "--ca", ca, input=f"{password}\n")
            slowest = max(slowest, time.monotonic() - begun)
        for guesser in crowd:
            guesser.over = True
        for guesser in crowd:
            guesser.join(60)
        said = [status for guesser in crowd for status in guesser.statuses]
        print(f"  {len(said)} guesses; the slowest login took {slowest:.1f} s")
        assert set(said) <= {401, 429, 503}, set(said)


def test_restart_keeps():
    """Killed and started again, the server knows all it had answered."""
    with fixture() as one:
        server = one.serve()
        first = one.pack("1.0.0")
        one.run("upload", first)
        port = one.url.rsplit(":", 1)[1]
        one.start("device", "--flash", one.folder / "026777000001.bin", "--image", first,
                  *one.enrolment(), log="device.log")
        one.wait_for("026777000001", "1.0.0")
        one.end(server, signal.SIGKILL)
        one.serve("--listen", f"127.0.0.1:{port}")
        begun = time.time()
        one.run("upload", one.pack("1.1.0"))
        wait_until(lambda: one.devices()["026777000001"]["last_seen"] >= begun,
                   what="a check-in after the restart")
        one.run("deploy", "thermostat", "1.1.0", "--wait", "--timeout", HANG_S)
        one.wait_for("026777000001", "1.1.0")


if __name__ == "__main__":
    main(globals())
