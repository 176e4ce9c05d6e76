"""One device through a whole update, a death in the middle of a download, and a bad image."""

import json
import re
import signal

from fixture import HANG_S, fixture, main, percents, wait_until

MAC = "026777000001"
CHIPS = ("esp32", "esp32s2", "esp32c3", "esp32s3", "esp32c2", "esp32c6", "esp32h2", "esp32p4",
         "esp32c61", "esp32c5", "esp32h21", "esp32h4", "esp32e22", "esp32s31")


def flash_of(one, path):
    return json.loads(one.run("flash", path, "--json"))


def test_update_and_dump():
    """A device takes 1.1.0; the dump of its flash says the same as the server."""
    with fixture() as one:
        one.serve()
        first = one.pack("1.0.0")
        one.run("upload", first)
        flash = one.folder / f"{MAC}.bin"
        device = one.start("device", "--flash", flash, "--image", first, *one.enrolment(),
                           log="device.log")
        assert one.wait_for(MAC, "1.0.0")["slot"] == "ota_0"
        one.run("upload", one.pack("1.1.0"))
        rollout = one.json("deploy", "thermostat", "1.1.0", "--wait", "--timeout", HANG_S)
        assert rollout["state"] == "done" and rollout["succeeded"] == 1 and rollout["failed"] == 0
        there = one.wait_for(MAC, "1.1.0")
        assert there["slot"] == "ota_1", there

        assert one.end(device) == 0
        for line in ("boot 1 (power-on): thermostat 1.0.0 in ota_0", "enrolled", "check-in 1",
                     "verify:", "switch:", "boot 2 (software): thermostat 1.1.0 in ota_1", "trial:",
                     "confirmed: 1.1.0"):
            assert line in one.text("device.log"), f"no line '{line}'"
        dump = flash_of(one, flash)
        assert dump["boot"]["label"] == "ota_1", dump["boot"]
        assert dump["otadata_before"] == dump["otadata_after"], "confirmed: nothing left to write"
        kinds = [event["kind"] for event in one.json("devices", MAC)["events"]]
        assert kinds == ["confirmed", "offered", "enrolled"], kinds

        # A second run goes on with the same flash, identity and token.
        device = one.start("device", "--flash", flash, *one.enrolment(), log="again.log")
        wait_until(lambda: "check-in" in one.text("again.log"), what="a check-in")
        assert "boot 1 (power-on): thermostat 1.1.0 in ota_1" in one.text("again.log")
        assert "enrolled" not in one.text("again.log").split("check-in")[1]
        assert len(one.devices()) == 1


def test_every_chip_in_its_dump():
    """The flash file of a device says which chip it belongs to, and that its first image boots."""
    with fixture() as one:
        one.serve()
        one.run("upload", one.pack("1.0.0"))
        join = one.enrolment(len(CHIPS))
        for chip in CHIPS:
            flash, first = one.folder / f"{chip}.bin", one.pack("1.0.0", chip=chip)
            device = one.start("device", "--flash", flash, "--image", first, *join,
                               log=f"{chip}.log")
            wait_until(lambda: "boot 1 (power-on): thermostat 1.0.0 in ota_0" in
                       one.text(f"{chip}.log"), what=f"the first boot of an {chip}")
            one.end(device)
            dump = flash_of(one, flash)
            assert dump["chip"] == chip and dump["has_bootloader"], dump
            assert dump["boot"]["label"] == "ota_0", dump["boot"]


def test_killed_in_download():
    """Killed at once in the middle of a download: it goes on there and finishes."""
    with fixture() as one:
        one.serve()
        first = one.pack("1.0.0")
        one.run("upload", first)
        flash = one.folder / f"{MAC}.bin"
        join = one.enrolment()
        device = one.start("device", "--flash", flash, "--image", first, *join, log="first.log")
        one.wait_for(MAC, "1.0.0")
        one.run("upload", one.pack("1.1.0", size=1400000))
        one.run("deploy", "thermostat", "1.1.0")
        wait_until(lambda: max(percents(one.text("first.log")), default=0) >= 20,
                   what="a fifth of the download")
        one.end(device, signal.SIGKILL)
        reached = max(percents(one.text("first.log")))
        assert reached < 100, "it was killed too late to show anything"
        assert flash_of(one, flash)["boot"]["label"] == "ota_0"

        one.start("device", "--flash", flash, *join, log="second.log")
        one.wait_for(MAC, "1.1.0")
        resumed = percents(one.text("second.log"))[0]
        assert resumed >= reached - 1, f"reached {reached} %, but went on at {resumed} %"


def test_rolls_back():
    """A signed image that crashes at boot: back on the old one, and why; then a good one."""
    with fixture() as one:
        one.serve()
        first = one.pack("1.0.0")
        one.run("upload", first)
        flash = one.folder / f"{MAC}.bin"
        device = one.start("device", "--flash", flash, "--image", first, *one.enrolment(),
                           log="device.log")
        one.wait_for(MAC, "1.0.0")
        one.run("upload", one.pack("1.1.0", "--behaviour", "crash-at-boot"))
        out = one.run("deploy", "thermostat", "1.1.0", "--wait", "--timeout", HANG_S, status=1)
        assert f"{MAC} failed:" in out and "crashed before it was confirmed" in out, out
        one.wait_for(MAC, "1.0.0")
        failed = one.json("devices", MAC)["events"][0]
        assert (failed["kind"], failed["stage"], failed["reason"]) == (
            "failed", "rolled-back", "trial-panic"), failed
        assert "rolled back: the new image crashed" in one.text("device.log")

        one.run("upload", one.pack("1.1.1"))
        one.run("deploy", "thermostat", "1.1.1", "--wait", "--timeout", HANG_S)
        one.wait_for(MAC, "1.1.1")
        life = [(event["kind"], event["version"], event["stage"], event["reason"])
                for event in reversed(one.json("devices", MAC)["events"])]
        assert life == [("enrolled", "1.0.0", "none", "none"), ("offered", "1.1.0", "none", "none"),
                        ("failed", "1.1.0", "rolled-back", "trial-panic"),
                        ("offered", "1.1.1", "none", "none"),
                        ("confirmed", "1.1.1", "confirmed", "none")], life
        shown = one.run("devices", MAC).split("history, newest first:\n")[1].splitlines()
        said = ["confirmed   1.1.1: it runs this version and has confirmed it",
                "offered     1.1.1: it is offered this version",
                "failed      1.1.0 rolled-back: the new image crashed before it was confirmed "
                "(trial-panic)",
                "offered     1.1.0: it is offered this version",
                "enrolled    1.0.0: it joined with a claim token"]
        assert [re.sub(r" \[claim [0-9a-f]{16}\]$", "", line[23:]) for line in shown] == said, shown
        assert all(re.match(r"  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", line) for line in shown)
        one.end(device)
        assert flash_of(one, flash)["boot"]["label"] == "ota_1"


def test_deploy_to_one():
    """--to picks devices; the others are left alone."""
    with fixture() as one:
        one.serve()
        first = one.pack("1.0.0")
        one.run("upload", first)
        fleet = one.start("fleet", "--count", 4, "--dir", one.folder / "fleet", "--mac", MAC,
                          "--image", first, *one.enrolment(4), log="fleet.log")
        wait_until(lambda: len(one.devices()) == 4, what="four devices")
        one.run("upload", one.pack("1.1.0"))
        one.run("deploy", "thermostat", "1.1.0", "--to", "026777000003", "--wait",
                "--timeout", HANG_S)
        one.wait_for("026777000003", "1.1.0")
        seen = one.json("devices", MAC)["facts"]["checkins"]
        wait_until(lambda: one.json("devices", MAC)["facts"]["checkins"] >= seen + 2,
                   what="two more check-ins of another device")
        versions = [device["version"] for _, device in sorted(one.devices().items())]
        assert versions == ["1.0.0", "1.0.0", "1.1.0", "1.0.0"], versions
        assert one.end(fleet) == 0
        assert "3 on 1.0.0, 1 on 1.1.0" in one.text("fleet.log")


def test_nobody_confirms():
    """--wait on devices that can not take the release, or that a newer rollout takes over: exit 1,
    and why; a device that runs it already is no failure."""
    with fixture() as one:
        one.serve()
        first = one.pack("1.0.0")
        one.run("upload", first)
        join = one.enrolment()
        flash = one.folder / f"{MAC}.bin"
        device = one.start("device", "--flash", flash, "--image", first, *join, log="device.log")
        one.wait_for(MAC, "1.0.0")
        out = one.run("deploy", "thermostat", "1.0.0", "--wait", "--timeout", HANG_S)
        assert "1 ran it already" in out, out
        out = one.run("status")
        assert "1.0.0 done: 0 of 1 confirmed, 0 in progress, 0 failed, 1 ran it" in out, out
        one.run("upload", one.pack("1.1.0", chip="esp32s3"))
        deploy = ("deploy", "thermostat", "1.1.0", "--to", MAC, "--some-chips", "--wait",
                  "--timeout", HANG_S)
        out = one.run(*deploy, status=1)
        assert f"{MAC} incompatible: the release has no image for this chip" in out, out
        rollout = json.loads(one.run(*deploy, "--json", status=1))
        assert rollout["state"] == "done", rollout
        assert rollout["devices"][0]["state"] == "incompatible", rollout

        one.end(device)
        for version in ("1.2.0", "1.3.0"):
            one.run("upload", one.pack(version))
        old = one.start("deploy", "thermostat", "1.2.0", "--wait", "--timeout", HANG_S,
                        log="deploy.log")
        wait_until(lambda: "0 of 1 confirmed" in one.text("deploy.log"), what="a rollout")
        one.run("deploy", "thermostat", "1.3.0")
        assert old.wait(HANG_S) == 1
        assert "1 superseded: a newer rollout took it over" in one.text("deploy.log"), \
            one.text("deploy.log")


def test_nobody_home():
    """A device that is off: deploy --wait --timeout gives up and says so; the offer stands."""
    with fixture() as one:
        one.serve()
        first = one.pack("1.0.0")
        one.run("upload", first)
        join = one.enrolment()
        flash = one.folder / f"{MAC}.bin"
        device = one.start("device", "--flash", flash, "--image", first, *join, log="device.log")
        one.wait_for(MAC, "1.0.0")
        one.end(device)
        one.run("upload", one.pack("1.1.0"))
        out = one.run("deploy", "thermostat", "1.1.0", "--wait", "--timeout", 1, status=1)
        assert "0 of 1 confirmed" in out, out
        assert "offered: 1.1.0 by rollout 1" in one.run("devices", MAC)
        one.start("device", "--flash", flash, *join, log="again.log")
        one.wait_for(MAC, "1.1.0")
        assert one.json("status")["rollouts"][0]["state"] == "done"


if __name__ == "__main__":
    main(globals())
