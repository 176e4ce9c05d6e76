"""docs/KEYS.md with the real program: typed as it stands, with a device that follows every step; a
device that sleeps while the image key and the server's deploy key change, and comes in over the
bridge; what others still need is not deleted; and back again."""

import os
import pathlib
import re
import signal
import subprocess

from fixture import GODWIT, HANG_S, ROOT, fixture, main, wait_until

MAC = "026777000007"


def release(one, version, counter, lists, by, *options):
    """An image whose policy lists these keys, signed by those."""
    plain = one.pack(version, key=None)
    keys = [word for name in lists for word in ("--key", one.key(name))]
    one.run("policy", plain, "--counter", counter, *options, *keys)
    for number, name in enumerate(by):
        signed = one.folder / f"{version}-{number}.bin"
        one.run("sign", "--key", one.key(name), plain, signed)
        plain = signed
    return plain


def kinds(one):
    return [event["kind"] for event in one.json("devices", MAC)["events"]][::-1]


def page_commands():
    """Each `$` line of the page, in order."""
    text = (ROOT / "docs" / "KEYS.md").read_text()
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.M | re.S)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]


def type_line(one, line):
    path = f"{pathlib.Path(GODWIT).resolve().parent}:" + os.environ["PATH"]
    line = line.replace("godwit rekey", f"godwit rekey --data {one.data}")
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=HANG_S,
                          env=dict(one.environment, PATH=path), cwd=one.folder, check=False)
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    return done.stdout


def build(one, version):
    """What stands for the maker's build: app.bin."""
    one.pack(version, key=None).rename(one.folder / "app.bin")


def point_of(one, path):
    """The 64 bytes of a public key's point, in hex."""
    der = subprocess.run(["openssl", "pkey", "-pubin", "-in", one.folder / path, "-outform", "DER"],
                         capture_output=True, check=True).stdout
    return der[-64:].hex()


def join_a_device(one):
    """The product and its only device, as they are when the page begins to change keys."""
    build(one, "0.9.0")
    one.run("sign", "--key", "maker.pem", "app.bin", "first.bin")
    one.run("upload", "first.bin")
    return one.start("device", "--flash", f"{MAC}.bin", "--image", "first.bin", *one.enrolment(),
                     log="device.log")


def test_the_page_as_it_stands():
    """No key that was left out ever comes back, whatever the page lets one type after it."""
    with fixture() as one:
        server = one.serve()
        port = one.url.rsplit(":", 1)[1]
        lines = page_commands()
        versions = [found[1] for line in lines
                    if (found := re.search(r"godwit deploy thermostat (\S+)", line))]
        assert len(lines) > 30 and len(versions) == 6, lines
        for line in lines:
            if "godwit policy app.bin" in line:
                build(one, versions[int(re.search(r"--counter (\d+)", line)[1]) - 1])
                assert ("--from-initial" in line) == ("--counter 1 " in line), line
            said = type_line(one, line)
            if line.endswith("next.pem") and "keygen" in line:
                join_a_device(one)
            if line == "godwit rekey --next":
                one.end(server)
                server = one.serve("--listen", f"127.0.0.1:{port}", log="serve2.log")

        def listed(version):
            policy = one.json("inspect", f"thermostat-{version}.bin")["policy"]
            return policy["image_keys"], policy["deploy_keys"]

        names = ("maker", "next", "third")
        digests = {}
        for name in names:
            one.run("pack", "plain.bin")
            one.run("sign", "--key", f"{name}.pem", "plain.bin", "by.bin")
            digests[name] = one.json("inspect", "by.bin")["signatures"][0]["key_digest"]
        old, new = (point_of(one, f"deploy-{which}.pem") for which in ("old", "new"))
        for version, image, deploy in (("1.0.0", ["maker"], [old]),
                                       ("2.0.0", ["maker", "next"], [old]),
                                       ("3.0.0", ["next"], [old]),
                                       ("4.0.0", ["next", "third"], [old]),
                                       ("5.0.0", ["next", "third"], [old, new]),
                                       ("6.0.0", ["next", "third"], [new])):
            assert listed(version) == ([digests[name] for name in image], deploy), version
        wait_until(lambda: [key["devices"] for key in one.json("status")["deploy_keys"]] == [1, 0],
                   what="the new deploy key")

        said = one.run("rekey", "--data", one.data, "--public")
        assert said == (one.folder / "deploy-new.pem").read_text() and "PRIVATE" not in said, said
        assert "there is no folder" in one.refusal("rekey", "--data", one.folder / "nosuch")
        one.refusal("rekey", "--data", one.data, "--public", "--next", status=2)

        # What the retired key alone signed is no longer taken.
        build(one, "7.0.0")
        type_line(one, "godwit policy app.bin --counter 7 --from-image thermostat-6.0.0.bin")
        one.run("sign", "--key", "maker.pem", "app.bin", "stray.bin")
        assert "(signature-key)" in one.run("upload", "stray.bin")
        one.run("deploy", "thermostat", "7.0.0")
        wait_until(lambda: one.json("devices", MAC)["reason"] == "no-upgrade-path",
                   what="no upgrade path")
        assert one.devices()[MAC]["version"] == "6.0.0"


def test_asleep_through_both_changes():
    with fixture() as one:
        server = one.serve()
        old = ("--deploy-key", one.data / "deploy.pem")
        first = release(one, "1.0.0", 1, ["maker"], ["maker"], *old)
        one.run("upload", first)
        join = one.enrolment()
        flash = one.folder / f"{MAC}.bin"
        device = one.start("device", "--flash", flash, "--image", first, *join, log="first.log")
        one.wait_for(MAC, "1.0.0")
        one.end(device, signal.SIGINT)

        # The image key changes: nobody was told of the new one before the bridge went out.
        bridge = release(one, "2.0.0", 2, ["maker", "next"], ["maker", "next"], *old)
        one.run("upload", bridge)
        one.run("deploy", "thermostat", "2.0.0")

        # The deploy key changes: one release lists both.
        one.end(server)
        shown = one.run("rekey", "--data", one.data, "--next").splitlines()
        assert [line.split()[0] for line in shown[:2]] == ["now", "before"], shown
        one.serve(log="serve2.log")
        both = ("--deploy-key", one.data / "deploy.pem", "--deploy-key", one.data / "deploy-1.pem")
        last = release(one, "3.0.0", 3, ["next"], ["next"], *both)
        assert "note:" not in one.run("upload", last)
        one.run("deploy", "thermostat", "3.0.0")
        assert one.json("devices", MAC)["reason"] == "bridge"
        said = one.refusal("delete", "thermostat", "2.0.0")
        assert MAC in said and "2.0.0 alone" in said, said

        assert [key["devices"] for key in one.json("status")["products"][0]["trust"]] == [1]

        # It wakes, and comes in by itself.
        one.start("device", "--flash", flash, *join, "--server", one.url, log="second.log")
        one.wait_for(MAC, "3.0.0")
        wait_until(lambda: kinds(one)[-1] == "confirmed", what="the proof")
        assert kinds(one) == ["enrolled", "offered", "bridged", "confirmed"], kinds(one)
        text = one.text("second.log")
        for line in ("thermostat 1.0.0 in ota_0", "thermostat 2.0.0 in ota_1",
                     "thermostat 3.0.0 in ota_0", "confirmed: 3.0.0"):
            assert line in text, f"no line '{line}'"
        wait_until(lambda: [key["devices"] for key in one.json("status")["deploy_keys"]] == [1, 0],
                   what="the new deploy key")
        trust = one.json("status")["products"][0]["trust"]
        assert [key["devices"] for key in trust] == [0, 1], trust
        assert "trusted by 1 of 1 devices" in one.run("status")
        facts = one.json("devices", MAC)["facts"]
        assert facts["counter"] == 3 and facts["unwatched"] is False, facts
        said = one.refusal("delete", "thermostat", "2.0.0")
        assert "trust changed at thermostat 2.0.0" in said, said
        assert one.refusal("delete", "thermostat", "3.0.0").count("3.0.0") == 1

        # A file that the first key alone signed is taken for devices that sleep, not for this one.
        stray = release(one, "4.0.0", 4, ["maker", "next"], ["maker"], *both)
        assert "note: a device on the newest release would refuse it (signature-key)" in \
            one.run("upload", stray)
        assert "lists the key" in one.refusal("deploy", "thermostat", "4.0.0")
        one.run("deploy", "thermostat", "4.0.0", "--retrusted-key")
        assert one.json("devices", MAC)["reason"] == "no-upgrade-path"
        assert one.json("devices", MAC)["events"][0]["reason"] == "no-upgrade-path"


def test_back_again():
    with fixture() as one:
        one.serve()
        keys = ("--deploy-key", one.data / "deploy.pem")
        files = [release(one, f"{n}.0.0", n, ["maker"], ["maker"], *keys) for n in (1, 2)]
        for file in files:
            one.run("upload", file)
        assert "no release of thermostat was rolled out before" in one.refusal("undo", "thermostat")
        device = one.start("device", "--flash", one.folder / f"{MAC}.bin", "--image", files[0],
                           *one.enrolment(), log="device.log")
        one.wait_for(MAC, "1.0.0")
        one.run("deploy", "thermostat", "1.0.0", "--wait")
        one.run("deploy", "thermostat", "2.0.0", "--wait", "--timeout", HANG_S)
        one.run("undo", "thermostat", "--wait", "--timeout", HANG_S)
        assert one.wait_for(MAC, "1.0.0")
        assert device.poll() is None
        # The rollback floor of what it runs next ends that.
        high = release(one, "3.0.0", 3, ["maker"], ["maker"], *keys, "--rollback-floor", 3)
        one.run("upload", high)
        assert "--no-return" in one.refusal("deploy", "thermostat", "3.0.0")
        one.run("deploy", "thermostat", "3.0.0", "--no-return", "--wait", "--timeout", HANG_S)
        undo = subprocess.run([GODWIT, "undo", "thermostat", "--wait", "--timeout", str(HANG_S)],
                              capture_output=True, text=True, env=one.environment, cwd=one.folder,
                              timeout=HANG_S, check=False)
        assert undo.returncode == 1 and "below-rollback-floor" in undo.stdout, undo
        assert one.json("devices", MAC)["facts"]["rollback_floor"] == 3
        # Deleted, its files go; what is not there can not go twice.
        one.run("deploy", "thermostat", "3.0.0", "--no-return", "--again")
        assert "deleted thermostat 2.0.0 and its 1 file" in one.run("delete", "thermostat", "2.0.0")
        assert "no such release" in one.refusal("delete", "thermostat", "2.0.0")

        clean = release(one, "4.0.0", 4, ["other"], ["maker"], *keys,
                        "--trust-reset", "--rollback-floor", 3)
        one.run("upload", clean)
        assert "--trust-reset" in one.refusal("deploy", "thermostat", "4.0.0")
        one.run("deploy", "thermostat", "4.0.0", "--trust-reset", "--wait", "--timeout", HANG_S)
        assert one.wait_for(MAC, "4.0.0")
        # An undo asks for the downgrade alone: it does not say the override for its operator.
        one.run("upload", release(one, "5.0.0", 5, ["other"], ["other"], *keys,
                                  "--rollback-floor", 3))
        one.run("deploy", "thermostat", "5.0.0")
        assert "--trust-reset" in one.refusal("undo", "thermostat")
        assert one.json("status")["rollouts"][0]["version"] == "5.0.0"


if __name__ == "__main__":
    main(globals())
