#!/usr/bin/env python3
"""The guards of a rollout on real devices: window in local time, site rule, consent, busy and
battery; and what of them is refused before anything starts."""
import re
import time

from fixture import fixture, main, wait_until

PRODUCT = "thermostat"
HOUR_S = 3600


def closed_now(zone=0):
    """A window that opens in some hours, in the local time of that many hours from UTC."""
    hour = time.gmtime(time.time() + (zone + 3) * HOUR_S).tm_hour
    return f"{hour:02}:00-{(hour + 1) % 24:02}:59"


def begin(one, *attributes):
    """One device for each text of attributes, all on 1.0.0; 1.1.0 is there to be deployed."""
    one.serve()
    for version in ("1.0.0", "1.1.0"):
        one.run("upload", one.pack(version))
    image, claim = one.pack("1.0.0"), one.enrolment(len(attributes))
    for number, text in enumerate(attributes):
        one.start("device", "--mac", device_id(number), "--flash", f"{number}.flash",
                  "--image", image, "--attributes", text, *claim, log=f"device{number}.log")
    wait_until(lambda: versions(one) == ["1.0.0"] * len(attributes), what="the devices")


def device_id(number):
    return f"7cdfa100{number:04x}"


def versions(one):
    there = one.devices()
    return [there[key]["version"] for key in sorted(there)]


def deploy(one, *options):
    """Without pace and soak, so that guards alone hold devices up."""
    number = one.json("deploy", PRODUCT, "1.1.0", "--soak", "0s", "--gates", "none",
                      *options)["rollout_id"]
    one.run("rollout", "skip", number)
    return number


def check_in_twice(one):
    seen = time.time()
    wait_until(lambda: all(row["last_seen"] > seen + 1 for row in one.devices().values()),
               what="a check-in of each")


def reasons(one):
    there = one.devices()
    return [there[key]["reason"] for key in sorted(there)]


def test_window():
    with fixture() as one:
        begin(one, "room=1", "tz=+03:00")
        number = deploy(one, "--window", closed_now())
        wait_until(lambda: versions(one) == ["1.0.0", "1.1.0"], what="the one that is ahead")
        check_in_twice(one)
        assert versions(one) == ["1.0.0", "1.1.0"], versions(one)
        assert "reason=window" in one.text("serve.log")
        assert "in each device's local time" in one.run("rollout", "show", number)
        one.run("tag", device_id(0), "tz=+03:00")
        wait_until(lambda: versions(one) == ["1.1.0"] * 2, what="the other one")


def test_site_rule():
    with fixture() as one:
        begin(one, "site=berlin busy=0", "site=Berlin", "site=paris")
        deploy(one, "--per-site", "1")
        wait_until(lambda: one.text("serve.log").count("kind=confirmed") == 3,
                   what="one after the other")
        told = re.findall(r"device=7cdfa100000[01] kind=(offered|confirmed)", one.text("serve.log"))
        assert told == ["offered", "confirmed"] * 2, told


def test_consent_busy_battery():
    with fixture() as one:
        begin(one, "consent=yes", "room=2", "consent=yes busy=1", "consent=yes battery=15")
        number = deploy(one, "--consent")
        wait_until(lambda: versions(one)[0] == "1.1.0", what="the one that agrees")
        wait_until(lambda: reasons(one)[1:] == ["consent", "busy", "battery"], what="the reasons")
        check_in_twice(one)
        assert versions(one) == ["1.1.0"] + ["1.0.0"] * 3, versions(one)
        said = one.run("consent", device_id(1))
        assert "may take what its rollout offers" in said, said
        wait_until(lambda: versions(one)[1] == "1.1.0", what="the one for which a person agreed")
        assert "asks for no consent" not in one.run("consent", device_id(1))  # given already
        assert "the same release" in one.refusal("deploy", PRODUCT, "1.1.0", "--battery", "15")
        one.run("rollout", "halt", number)
        deploy(one, "--battery", "15")
        assert "asks for no consent" in one.refusal("consent", device_id(2))
        wait_until(lambda: versions(one) == ["1.1.0", "1.1.0", "1.0.0", "1.1.0"],
                   what="all but the busy one")


def test_refusals():
    with fixture() as one:
        begin(one, "room=1")
        for options, says in ((("--window", "03:00-03:00"), "never opens"),
                              (("--window", "nachts"), "is no window"),
                              (("--window", "03:00-04:00", "--tz", "Europe/Berlin"), "tz"),
                              (("--per-site", "0"), "per_site"),
                              (("--battery", "101"), "battery_min"),
                              (("--battery", "low"), "battery_min")):
            said = one.refusal("deploy", PRODUCT, "1.1.0", *options)
            assert says in said, (options, said)
        assert one.json("rollout", "list")["items"] == []


if __name__ == "__main__":
    main(globals())
