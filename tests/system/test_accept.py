"""Devices that lost their flash all at once: one command lets their tokens in or sends them off."""
from fixture import fixture, main, wait_until

ONE, TWO, THREE = (f"02677700000{n}" for n in (1, 2, 3))


def waiting(one):
    return [row["device_id"] for row in one.json("devices")["pending"]]


def test_many():
    with fixture() as one:
        one.serve()
        first = one.pack("1.0.0")
        one.run("upload", first)
        words = ("fleet", "--count", 3, "--dir", "none", "--mac", ONE, "--image", first,
                 *one.enrolment(6))
        before = one.start(*words, log="before.log")
        for mac in (ONE, TWO, THREE):
            one.wait_for(mac, "1.0.0")
        assert "no token waits" in one.refusal("accept", "--all", "--yes")
        one.end(before)
        one.run("tag", f"id:{ONE},{TWO}", "line=3", "--yes")
        one.start(*words, log="after.log")
        wait_until(lambda: sorted(waiting(one)) == [ONE, TWO, THREE], what="three that wait")
        assert "3 tokens wait; if all are meant" in one.refusal("accept", "--all")
        assert "2 tokens wait" in one.refusal("accept", "tag:line=3")
        assert "for a device that the filter" in one.refusal("reject", "tag:line=4", "--yes")
        assert "did you mean 'tag:'" in one.refusal("accept", "tog:line=3", "--yes")
        for wrong in ((), (ONE, "--all"), ("tag:line=3", "0" * 16)):
            one.refusal("accept", *wrong, status=2)
        one.refusal("reject", ONE, status=2)
        assert one.run("accept", "tag:line=3", "--yes") == "2 tokens are accepted\n"
        assert waiting(one) == [THREE]
        results = one.json("reject", "--all")["tokens"]
        assert [(row["device_id"], row["result"]) for row in results] == [(THREE, "rejected")]
        assert not waiting(one)


if __name__ == "__main__":
    main(globals())
