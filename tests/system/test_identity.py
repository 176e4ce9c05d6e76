"""A device changes its token under the real server; two devices with one flash are found out."""

import shutil

from fixture import fixture, main, wait_until

MAC = "026777000001"


def kinds_of(one):
    return [event["kind"] for event in one.json("devices", MAC)["events"]]


def test_rotation():
    """`godwit rotate`: the device goes on with another token, also after a restart of both."""
    with fixture() as one:
        server = one.serve()
        first = one.pack("1.0.0")
        one.run("upload", first)
        flash = one.folder / f"{MAC}.bin"
        join = one.enrolment()
        device = one.start("device", "--flash", flash, "--image", first, *join, log="device.log")
        one.wait_for(MAC, "1.0.0")
        assert "1 device will" in one.run("rotate", MAC)
        wait_until(lambda: "rotated" in kinds_of(one), what="the change")
        said = one.json("rotate", "--all")
        assert said == {"asked": 1}, said
        wait_until(lambda: kinds_of(one).count("rotated") == 2, what="the second change")
        one.end(device)
        one.end(server)
        port = one.url.rsplit(":", 1)[1]
        one.serve("--listen", f"127.0.0.1:{port}")
        device = one.start("device", "--flash", flash, *join, log="again.log")
        wait_until(lambda: "check-in" in one.text("again.log"), what="a check-in")
        assert "enrolled" not in one.text("again.log").split("check-in")[1]
        assert "no device" in one.refusal("rotate", "026777000009")
        one.refusal("rotate", status=2)
        one.refusal("rotate", MAC, "--all", status=2)


def test_clone():
    """Two processes with one flash: forked, offered nothing, and one device again by a person."""
    with fixture() as one:
        one.serve()
        first = one.pack("1.0.0")
        one.run("upload", first)
        flash, copy = one.folder / f"{MAC}.bin", one.folder / "copy.bin"
        join = one.enrolment()
        device = one.start("device", "--flash", flash, "--image", first, *join, log="device.log")
        one.wait_for(MAC, "1.0.0")
        one.end(device)
        shutil.copy(flash, copy)
        one.start("device", "--flash", flash, *join, log="one.log")
        thief = one.start("device", "--flash", copy, "--mac", MAC, *join, log="two.log")
        wait_until(lambda: one.devices()[MAC]["reason"] == "forked", what="the alarm")
        assert "forked" in kinds_of(one)
        one.run("upload", one.pack("1.1.0"))
        one.run("deploy", "thermostat", "1.1.0")
        assert one.devices()[MAC]["version"] == "1.0.0"
        one.end(thief)
        one.run("accept", MAC)
        assert "nothing to clear" in one.refusal("accept", MAC)
        one.wait_for(MAC, "1.1.0")


if __name__ == "__main__":
    main(globals())
