#!/usr/bin/env python3
"""Rollouts that a person pauses, resumes, halts, undoes, retries and skips ahead, and such as pause
or halt by themselves."""
import json
import ssl
import time
import urllib.request

from fixture import fixture, main, wait_until

PRODUCT = "thermostat"
MANY = 75  # enough for a rollout that is not careful


def fleet(one, image, count, log="fleet.log"):
    return one.start("fleet", "--count", count, "--dir", "none", "--image", image,
                     *one.enrolment(count), log=log)


def rows(one):
    return one.devices().values()


def all_run(one, version, count, state=None):
    there = rows(one)
    return (len(there) == count and all(row["version"] == version for row in there) and
            (state is None or all(row["state"] == state for row in there)))


def rollout(one, number):
    return one.json("rollout", "show", number)


def is_over(one, number):
    shown = rollout(one, number)
    return shown["in_progress"] == shown["queued"] == 0


def actions(one):
    return [record["action"] for record in one.json("audit", "list")["items"]]


def test_pause_resume_halt():
    with fixture() as one:
        one.serve()
        for version in ("1.0.0", "1.1.0", "1.2.0"):
            one.run("upload", one.pack(version))
        fleet(one, one.pack("1.0.0"), 3)
        wait_until(lambda: all_run(one, "1.0.0", 3), what="three devices")
        first = one.json("deploy", PRODUCT, "1.1.0")["rollout_id"]
        said = one.run("rollout", "pause", first)
        assert "paused by" in said, said
        one.run("rollout", "pause", first)  # it is paused already
        seen = time.time()
        wait_until(lambda: all(row["last_seen"] > seen + 1 for row in rows(one)),
                   what="a check-in of each")
        shown = rollout(one, first)
        assert shown["state"] == "paused" and shown["state_by"] and shown["state_since"], shown
        assert shown["queued"] + shown["in_progress"] + shown["succeeded"] == 3, shown
        one.run("rollout", "resume", first)
        wait_until(lambda: all_run(one, "1.1.0", 3, "up-to-date"), what="the update")

        second = one.json("deploy", PRODUCT, "1.2.0")["rollout_id"]
        one.run("rollout", "halt", second)
        wait_until(lambda: is_over(one, second), what="the end of what had begun")
        shown = rollout(one, second)
        assert shown["state"] == "halted" and shown["halted"] + shown["succeeded"] == 3, shown
        assert "halted" in one.refusal("rollout", "resume", second)
        assert "halted" in one.refusal("rollout", "pause", second)
        assert "halted by" in one.run("rollout", "watch", second)
        assert "no such rollout" in one.refusal("rollout", "halt", 99)
        assert "is no number of a rollout" in one.refusal("rollout", "halt", "all")
        log = actions(one)
        for action, times in (("rollout.paused", 1), ("rollout.resumed", 1), ("rollout.halted", 1)):
            assert log.count(action) == times, (action, log)
        again = one.json("deploy", PRODUCT, "1.2.0")["rollout_id"]
        wait_until(lambda: all_run(one, "1.2.0", 3, "up-to-date"), what="the update after all")
        assert rollout(one, again)["state"] == "done"


def test_failures_halt():
    with fixture() as one:
        one.serve()
        one.run("upload", one.pack("1.0.0"))
        one.run("upload", one.pack("1.1.0", "--behaviour", "crash-at-boot"))
        fleet(one, one.pack("1.0.0"), MANY)
        wait_until(lambda: all_run(one, "1.0.0", MANY), what="its devices")
        number = one.json("deploy", PRODUCT, "1.1.0")["rollout_id"]
        wait_until(lambda: rollout(one, number)["state"] == "halted", what="the halt")
        wait_until(lambda: is_over(one, number), what="the end of what had begun")
        shown = rollout(one, number)
        assert 5 <= shown["failed"] <= 10 and shown["succeeded"] == 0, shown
        assert shown["failed"] + shown["halted"] == MANY, shown
        assert shown["brake"]["weight"] >= shown["brake"]["bound"] > 6, shown
        assert shown["brake"]["failures_left"] == 0 and shown["waits_for"] == "halted", shown
        assert shown["state_by"] == "its failures", shown
        wait_until(lambda: "rollout.halted" in actions(one), what="its record")
        assert all_run(one, "1.0.0", MANY)
        why = {row["state"] for row in rows(one)}
        assert why == {"failed", "halted"}, why
        found = one.json("devices", "state:halted", "--all")["items"]
        assert len(found) == shown["halted"]


def test_one_chip_stops_and_the_other_goes_on():
    with fixture() as one:
        one.serve()
        for chip, behaviour in (("esp32c3", "healthy"), ("esp32", "crash-at-boot")):
            one.run("upload", one.pack("1.0.0", chip=chip))
            one.run("upload", one.pack("1.1.0", "--behaviour", behaviour, chip=chip))
        for chip, count in (("esp32c3", 60), ("esp32", 30)):
            fleet(one, one.pack("1.0.0", chip=chip), count, f"{chip}.log")
        wait_until(lambda: all_run(one, "1.0.0", 90), what="its devices")
        good = [row["device_id"] for row in rows(one) if row["chip"] == "esp32c3"][:20]
        number = one.json("deploy", PRODUCT, "1.1.0", "--first", ",".join(good))["rollout_id"]
        wait_until(lambda: is_over(one, number), what="the end")
        shown = rollout(one, number)
        assert shown["state"] == "done" and shown["succeeded"] == 60, shown
        # How many were on their trial when the fifth failed is a matter of who asked when.
        assert 5 <= shown["failed"] and shown["failed"] + shown["halted"] == 30, shown
        halted = [row for row in shown["strata"] if row["state"] == "halted"]
        assert [row["devices"] for row in halted] == ["chip esp32"], shown
        assert halted[0]["failed"] == shown["failed"] and halted[0]["confirmed"] == 0, shown
        kept = [row for row in rows(one) if row["reason"] == "stratum"]
        assert len(kept) == shown["halted"] and {row["chip"] for row in kept} <= {"esp32"}, kept
        assert actions(one).count("rollout.stratum-halted") == 1
        assert "halted for chip esp32" in one.run("rollout", "watch", number)


def test_few_wait_for_a_person():
    with fixture() as one:
        one.serve()
        one.run("upload", one.pack("1.0.0"))
        one.run("upload", one.pack("1.1.0", "--behaviour", "crash-at-boot"))
        fleet(one, one.pack("1.0.0"), 3)
        wait_until(lambda: all_run(one, "1.0.0", 3), what="three devices")
        number = one.json("deploy", PRODUCT, "1.1.0")["rollout_id"]
        wait_until(lambda: rollout(one, number)["state"] == "paused", what="the pause")
        shown = rollout(one, number)
        assert shown["failed"] == 1 and shown["queued"] == 2, shown
        assert shown["brake"]["pauses_at_failure"] and shown["pace"]["places"] == 1, shown
        assert shown["waits_for"] == "paused" and shown["next_gate"] is None, shown
        assert shown["state_by"] == "its failures", shown
        one.run("rollout", "retry", number)
        assert rollout(one, number)["failed"] == 0
        one.run("rollout", "resume", number)
        wait_until(lambda: rollout(one, number)["state"] == "paused", what="the pause")
        wait_until(lambda: rollout(one, number)["in_progress"] == 0, what="the end of the trial")
        assert rollout(one, number)["failed"] == 1
        one.run("rollout", "skip", number)
        one.run("rollout", "resume", number)
        wait_until(lambda: rollout(one, number)["failed"] == 3, what="the others' failures")
        assert {"rollout.retried", "rollout.skipped"} <= set(actions(one))


def test_undo():
    with fixture() as one:
        one.serve()
        for version in ("1.0.0", "1.1.0"):
            one.run("upload", one.pack(version))
        fleet(one, one.pack("1.0.0"), 3)
        wait_until(lambda: all_run(one, "1.0.0", 3), what="three devices")
        number = one.json("deploy", PRODUCT, "1.1.0", "--soak", "2s")["rollout_id"]
        assert rollout(one, number)["soak"] == "2s"
        wait_until(lambda: rollout(one, number)["succeeded"] == 3, what="the update")
        one.run("rollout", "undo", number)
        wait_until(lambda: rollout(one, number)["undone"] == 3, what="the way back")
        shown = rollout(one, number)
        assert shown["state"] == "undone" and shown["undoing"] == shown["succeeded"] == 0, shown
        assert all_run(one, "1.0.0", 3, "up-to-date"), rows(one)
        assert "undone" in one.refusal("rollout", "resume", number)
        assert "undone" in one.refusal("rollout", "skip", number)
        device = one.run("devices", next(iter(one.devices())))
        assert "undone" in device, device


def test_a_file_is_deployed():
    with fixture() as one:
        one.serve()
        one.run("upload", one.pack("1.0.0"))
        fleet(one, one.pack("1.0.0"), 1)
        wait_until(lambda: all_run(one, "1.0.0", 1), what="a device")
        image = one.pack("1.1.0")
        said = one.run("deploy", image)
        assert f"{PRODUCT} 1.1.0 for ESP32-C3, signed by" in said, said
        assert f"{PRODUCT} 1.1.0 to 1 device" in said, said
        wait_until(lambda: all_run(one, "1.1.0", 1, "up-to-date"), what="the update")
        again = one.json("deploy", image, "--to", next(iter(one.devices())))
        assert again["version"] == "1.1.0" and again["is_targeted"], again
        assert one.text("serve.log").count("existed=1") == 0  # what it has is not sent again
        one.run("upload", image)
        assert one.text("serve.log").count("existed=1") == 1
        large = one.pack("2.0.0", size=700000)
        assert one.json("deploy", large)["version"] == "2.0.0"  # in parts
        assert len(one.json("rollout", "list")["items"]) == 3
        assert "no file" in one.refusal("deploy", PRODUCT, status=2)
        one.refusal("deploy", "./absent.bin")
        (one.folder / "other.bin").write_text("no image")
        one.refusal("deploy", "other.bin")
        assert len(one.json("rollout", "list")["items"]) == 3


def test_named_first_then_the_others():
    with fixture() as one:
        one.serve()
        for version in ("1.0.0", "1.1.0"):
            one.run("upload", one.pack(version))
        fleet(one, one.pack("1.0.0"), 6)
        wait_until(lambda: all_run(one, "1.0.0", 6), what="six devices")
        chosen = sorted(one.devices())[4]
        assert "come first" in one.refusal("deploy", PRODUCT, "1.1.0", "--first", "name:nobody")
        assert "come first" in one.refusal("deploy", PRODUCT, "1.1.0", "--to", sorted(
            one.devices())[0], "--first", chosen)
        number = one.json("deploy", PRODUCT, "1.1.0", "--first", chosen)["rollout_id"]
        wait_until(lambda: is_over(one, number), what="the end")
        history = {device: one.json("devices", device)["events"] for device in one.devices()}
        when = {device: min(event["time"] for event in events if event["kind"] == "offered")
                for device, events in history.items()}
        assert all(when[chosen] < then for device, then in when.items() if device != chosen), when


def test_continuous():
    with fixture() as one:
        one.serve()
        for version in ("1.0.0", "1.1.0"):
            one.run("upload", one.pack(version))
        fleet(one, one.pack("1.0.0"), 4)
        wait_until(lambda: all_run(one, "1.0.0", 4), what="four devices")
        there = sorted(one.devices())
        one.run("tag", there[0], "ring=pilot")
        assert "needs a" in one.refusal("deploy", PRODUCT, "1.1.0", "--continuous")
        number = one.json("deploy", PRODUCT, "1.1.0", "--to", "tag:ring=pilot",
                          "--continuous")["rollout_id"]
        assert rollout(one, number)["selection"] == "tag:ring=pilot"
        wait_until(lambda: one.devices()[there[0]]["version"] == "1.1.0", what="the first")
        assert rollout(one, number)["selected"] == 1
        one.run("tag", there[2], "ring=pilot")
        wait_until(lambda: one.devices()[there[2]]["version"] == "1.1.0", what="one that fits now")
        shown = rollout(one, number)
        assert shown["selected"] == 2, shown
        versions = [one.devices()[device]["version"] for device in there]
        assert versions == ["1.1.0", "1.0.0", "1.1.0", "1.0.0"], versions


def test_one_device_alone():
    with fixture() as one:
        one.serve()
        for version in ("1.0.0", "1.1.0"):
            one.run("upload", one.pack(version))
        fleet(one, one.pack("1.0.0"), 3)
        wait_until(lambda: all_run(one, "1.0.0", 3), what="three devices")
        held, pinned, back = sorted(one.devices())
        assert "held as it is" in one.run("hold", held)
        assert "pinned to thermostat 1.0.0" in one.run("pin", pinned, "1.0.0")
        assert "confirmed nothing" in one.refusal("undo", back)
        one.json("deploy", PRODUCT, "1.1.0")
        wait_until(lambda: one.devices()[back]["state"] == "up-to-date" and
                   one.devices()[back]["version"] == "1.1.0", what="the one that may")
        assert one.devices()[held]["reason"] == "held"
        assert one.devices()[pinned]["reason"] == "pinned"
        assert "pinned to no release" in one.refusal("pin", held, "--remove")
        one.run("hold", held, "--remove")
        one.run("pin", pinned, "--remove")
        wait_until(lambda: all_run(one, "1.1.0", 3, "up-to-date"), what="all three")
        one.run("undo", back)
        wait_until(lambda: one.devices()[back]["reason"] == "undone", what="the way back")
        versions = {device: row["version"] for device, row in one.devices().items()}
        assert versions == {held: "1.1.0", pinned: "1.1.0", back: "1.0.0"}, versions


def test_locks_and_overlaps():
    with fixture() as one:
        one.serve()
        for version in ("1.0.0", "1.1.0"):
            one.run("upload", one.pack(version))
        fleet(one, one.pack("1.0.0"), 2)
        wait_until(lambda: all_run(one, "1.0.0", 2), what="two devices")
        bench, other = sorted(one.devices())
        one.run("tag", bench, "bench")
        one.run("lock", PRODUCT, "--bench")
        assert "no bench device" in one.refusal("deploy", PRODUCT, "1.1.0")
        first = one.json("deploy", PRODUCT, "1.1.0", "--to", "tag:bench")["rollout_id"]
        assert "the same release" in one.refusal("deploy", PRODUCT, "1.1.0", "--to", "tag:bench")
        wait_until(lambda: one.devices()[bench]["version"] == "1.1.0", what="the bench")
        wait_until(lambda: rollout(one, first)["succeeded"] == 1, what="its soak")
        assert "no bench device" in one.refusal("deploy", PRODUCT, "1.1.0")
        one.run("rollout", "undo", first)
        wait_until(lambda: rollout(one, first)["undone"] == 1, what="its way back")
        one.run("lock", PRODUCT, "--approval", "--bench")
        second = one.json("deploy", PRODUCT, "1.1.0")
        assert second["state"] == "unapproved" and second["waits_for"] == "approval", second
        number = second["rollout_id"]
        assert "another person" in one.refusal("rollout", "approve", number)
        assert "second person" in one.refusal("rollout", "resume", number)
        wait_until(lambda: one.devices()[other]["reason"] == "approval", what="its reason")
        one.run("rollout", "halt", number)
        one.run("lock", PRODUCT, "--none")
        high = one.json("deploy", PRODUCT, "1.1.0", "--priority", "high")["rollout_id"]
        wait_until(lambda: all_run(one, "1.1.0", 2, "up-to-date"), what="the update")
        assert "higher priority" in one.refusal("deploy", PRODUCT, "1.0.0", "--allow-downgrade")
        one.run("rollout", "priority", high, "normal")
        one.json("deploy", PRODUCT, "1.0.0", "--allow-downgrade")
        wait_until(lambda: all_run(one, "1.0.0", 2, "up-to-date"), what="the way back")


def approve(one, number, token):
    """As another person than the one of the command line."""
    context = ssl.create_default_context(cafile=str(one.data / "tls/ca.pem"))
    request = urllib.request.Request(f"{one.url}/api/v1/rollouts/{number}/approve", data=b"",
                                     headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, context=context) as reply:
        return json.load(reply)


def test_a_second_person():
    with fixture() as one:
        one.serve()
        for version in ("1.0.0", "1.1.0"):
            one.run("upload", one.pack(version))
        fleet(one, one.pack("1.0.0"), 1)
        wait_until(lambda: all_run(one, "1.0.0", 1), what="a device")
        one.environment["GODWIT_PASSWORD"] = "correct horse battery staple"
        one.run("user", "add", "otto", "--role", "operator")
        token = one.json("token", "add", "otto", "--scope", "deploy", "--user", "otto")["token"]
        one.run("lock", PRODUCT, "--approval")
        number = one.json("deploy", PRODUCT, "1.1.0")["rollout_id"]
        wait_until(lambda: rows_reasons(one) == ["approval"], what="the reason")
        assert "another person" in one.refusal("rollout", "approve", number)
        shown = approve(one, number, token)
        assert shown["state"] == "running" and shown["state_by"] == "otto", shown
        wait_until(lambda: all_run(one, "1.1.0", 1, "up-to-date"), what="the update")


def rows_reasons(one):
    return [row["reason"] for row in rows(one)]


def test_refusals():
    with fixture() as one:
        one.serve()
        one.run("upload", one.pack("1.0.0"))
        for words in (("--gates", "10"), ("--gates", "10:1h,5:2h"), ("--soak", "31d"),
                      ("--soak", "soon")):
            one.refusal("deploy", PRODUCT, "1.0.0", *words)
        assert one.json("rollout", "list") == [] or not one.json("rollout", "list")["items"]


if __name__ == "__main__":
    main(globals())
