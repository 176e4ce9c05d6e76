"""The CA of a running service is changed; a device follows, and the command says what to do."""

from fixture import HANG_S, fixture, main, wait_until

DEVICE = "026777000001"


def fingerprints(one):
    """Of the CA and the next one, as `godwit ca` shows them."""
    lines = one.run("ca", "--data", one.data).splitlines()
    return [line.split()[1 + line.startswith("next")].rstrip(";") for line in lines[:2]]


def checkins(one):
    return one.json("devices", DEVICE)["facts"]["checkins"]


def test_a_device_follows():
    with fixture() as one:
        server = one.serve()
        port = one.url.rsplit(":", 1)[1]
        first = one.pack("1.0.0")
        one.run("upload", first)
        one.start("device", "--flash", one.folder / f"{DEVICE}.bin", "--image", first,
                  *one.enrolment(), log="device.log")
        one.wait_for(DEVICE, "1.0.0")
        present, following = fingerprints(one)
        assert following == "none"
        for action in ("--next", "--switch"):
            said = one.run("ca", "--data", one.data, action)
            assert "restart `godwit serve`" in said, said
            if action == "--next":
                following = fingerprints(one)[1]
            one.end(server)
            server = one.serve("--listen", f"127.0.0.1:{port}")
            seen = checkins(one)
            wait_until(lambda seen=seen: checkins(one) >= seen + 3, what="three check-ins")
        assert fingerprints(one) == [following, "none"] and following != present
        record = (one.folder / f"{DEVICE}.bin").read_bytes()[0x10000:0x12000]
        assert bytes.fromhex(following) in record
        one.run("upload", one.pack("1.1.0"))
        one.run("deploy", "thermostat", "1.1.0", "--wait", "--timeout", HANG_S)


def test_refusals():
    with fixture() as one:
        line = one.refusal("ca", "--data", one.data)
        assert "give the --data of `godwit serve`" in line, line
        one.serve()
        line = one.refusal("ca", "--data", one.data, "--switch")
        assert "do that with --next" in line, line
        one.run("ca", "--data", one.data, "--next")
        line = one.refusal("ca", "--data", one.data, "--next")
        assert "prepared already" in line, line
        for words, says in ((["--next", "--switch"], "does not go with"), (["--data"], "a value"),
                            (["--nxt"], "there is no option '--nxt'; the nearest is --next")):
            line = one.refusal("ca", *words, status=2)
            assert says in line, line
        (one.data / "tls" / "ca-key.pem").unlink()
        (one.data / "tls" / "next-ca.pem").unlink()
        line = one.refusal("ca", "--data", one.data, "--next")
        assert "from a backup" in line, line


if __name__ == "__main__":
    main(globals())
