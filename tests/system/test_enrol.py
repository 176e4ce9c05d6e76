"""Ways to join, by the real command line: claim tokens that end, and the factory list."""

import hashlib
import json
import struct

from fixture import PRODUCT, fixture, main, wait_until

FIRST, SECOND = "026777000001", "026777000002"


def claims_of(one):
    return one.json("claim", "list")["claims"]


def token_digest(one, path):
    """SHA-256 of the token in the journal of a flash, as a maker's flasher would tell it."""
    flash = path.read_bytes()
    parts = json.loads(one.run("flash", path, "--json"))["partitions"]
    at = next(part["offset"] for part in parts if part["label"] == "godwit")
    sectors = [flash[at + size:at + size + 4096] for size in (0, 4096)]
    journals = [one for one in sectors if one[:3] == b"GWR"]
    newest = max(journals, key=lambda one: struct.unpack_from("<I", one, 8))
    return hashlib.sha256(newest[48:80]).hexdigest()


def test_claims_end():
    """A claim is listed with what it gives; once it is revoked nobody else joins with it."""
    with fixture() as one:
        one.serve()
        first = one.pack("1.0.0")
        one.run("upload", first)
        seed = one.folder / "seed"
        one.run("claim", "policy", PRODUCT, "--out", seed)
        token = one.run("claim", "add", PRODUCT, "--count", 2, "--expires", "30d", "--tag",
                        "site=berlin", "--tag", "kitchen").strip()
        join = ["--server", one.url, "--claim", token, "--initial-policy", seed, "--interval", 1]
        one.start("device", "--flash", one.folder / f"{FIRST}.bin", "--image", first, *join,
                  log="first.log")
        one.wait_for(FIRST, "1.0.0")
        claim = claims_of(one)[0]
        assert claim["state"] == "open" and claim["used"] == 1 and claim["count"] == 2, claim
        assert claim["tags"] == ["site=berlin", "kitchen"], claim
        assert claim["expires"] - claim["created"] == 30 * 86400, claim
        table = one.run("claim", "list")
        assert claim["claim"] in table and "site=berlin kitchen" in table, table
        assert "ended" not in one.run("claim", "revoke", claim["claim"])
        assert claims_of(one)[0]["state"] == "revoked"
        assert "no such claim" in one.refusal("claim", "revoke", claim["claim"])
        one.start("device", "--flash", one.folder / f"{SECOND}.bin", "--image", first, *join,
                  log="second.log")
        wait_until(lambda: "401" in one.text("second.log"), what="the refusal")
        assert list(one.devices()) == [FIRST]
        for words in (["--expires", "soon"], ["--expires", "0d"], ["--expires", "9999w"]):
            assert "30d" in one.refusal("claim", "add", PRODUCT, *words, status=2)
        assert "the tag has" in one.refusal("claim", "add", PRODUCT, "--tag", "two words")


def test_factory_list():
    """A device that is on the list joins with the token in its flash and no claim at all."""
    with fixture() as one:
        one.serve()
        first = one.pack("1.0.0")
        one.run("upload", first)
        seed = one.folder / "seed"
        one.run("claim", "policy", PRODUCT, "--out", seed)
        flash = one.folder / f"{FIRST}.bin"
        one.start("device", "--flash", flash, "--image", first, "--server", one.url, "--ca",
                  one.data / "tls" / "ca.pem", "--initial-policy", seed, "--interval", 1,
                  log="first.log")
        wait_until(lambda: "401" in one.text("first.log"), what="the refusal")
        assert one.devices() == {}

        table = one.folder / "list.csv"
        rows = [f"{0x02677700AA00 + i:012x},{hashlib.sha256(str(i).encode()).hexdigest()}"
                for i in range(2500)]
        table.write_text("device_id,token_sha256\n" + "\n".join(rows) + "\n7cdfa1,22\n")
        note = one.refusal("factory", "import", table, "--product", PRODUCT)
        assert "line 2502: a device id is 12 hex digits, not \"7cdfa1\"" in note, note
        total = one.json("factory", "list")["total"]
        assert total == 1999, total
        rows.append(f"{FIRST},{token_digest(one, flash)}")
        table.write_text("device_id,token_sha256\r\n" + "\r\n".join(rows) + "\r\n")
        told = one.json("factory", "import", table, "--product", PRODUCT)
        assert told == {"lines": 2502, "added": 502}, told
        one.wait_for(FIRST, "1.0.0")
        events = one.json("devices", FIRST)["events"]
        assert events[-1]["detail"] == "by the factory list", events
        listed = one.run("factory", "list").splitlines()
        assert len(listed) == 2501 and FIRST not in "".join(listed)
        one.run("factory", "remove", "02677700aa00")
        assert "not on the factory list" in one.refusal("factory", "remove", "02677700aa00")
        for words in (["import", table], ["import"], ["revoke"], ["expected", "x"], ["x"]):
            one.refusal("factory", *words, status=2)


if __name__ == "__main__":
    main(globals())
