#!/usr/bin/env python3
"""`godwit why`: the first closed gate of a device, what opens it, and when it hears of it."""
from fixture import PRODUCT, fixture, main, wait_until


def test_why():
    with fixture() as one:
        one.serve()
        for version in ("1.0.0", "1.1.0"):
            one.run("upload", one.pack(version))
        one.run("upload", one.pack("2.0.0", chip="esp32s3"))
        one.start("fleet", "--count", 1, "--dir", "none", "--image", one.pack("1.0.0"),
                  *one.enrolment(1), log="fleet.log")
        device = wait_until(lambda: list(one.devices()), what="a device")[0]

        def why(*words):
            return one.json("why", device, *words)

        said = why()
        assert said["reason"] == "no-rollout" and said["reply"] == "no-update", said
        assert said["rollout_id"] == 0 and "version" not in said, said
        assert said["is_waiting"] or said.get("expected"), said
        said = why("--release", "1.1.0")
        assert (said["reason"], said["reply"], said["version"]) == ("offered", "install", "1.1.0")
        assert why("--release", "1.0.0")["reason"] == "up-to-date"
        assert why("--release", "2.0.0")["reason"] == "no-image-for-chip"
        number = one.json("deploy", PRODUCT, "2.0.0", "--some-chips")["rollout_id"]
        said = why()
        assert said["reason"] == "no-image-for-chip" and said["rollout_id"] == number, said
        assert said["rollout_state"] == "running" and said["state"] == "incompatible", said
        text = one.run("why", device)
        assert "no image" in text and f"rollout {number}" in text, text
        assert "nothing to install" in text, text
        paused = one.json("deploy", PRODUCT, "1.1.0", "--consent")["rollout_id"]
        wait_until(lambda: why()["reason"] == "consent", what="the gate of consent")
        one.run("rollout", "pause", paused)
        assert why()["reason"] == "paused" and why()["rollout_state"] == "paused"
        assert "no such release" in one.refusal("why", device, "--release", "9.9.9")
        assert "no such device" in one.refusal("why", "7cdfa1ffffff")
        assert "is no device id" in one.refusal("why", "kitchen", status=2)


if __name__ == "__main__":
    main(globals())
