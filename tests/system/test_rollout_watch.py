#!/usr/bin/env python3
"""`godwit rollout watch` as a person sees it, on terminals of several sizes and none, with a real
server and real devices."""
import subprocess
import time

from fixture import GODWIT, HANG_S, PRODUCT, fixture, main, wait_until
from terminal import Terminal

HINT = "Ctrl-C ends the view"


def begin(one, count, *behaviour):
    """So many devices on 1.0.0, and 1.1.0 to deploy."""
    one.serve()
    one.run("upload", one.pack("1.0.0"))
    one.run("upload", one.pack("1.1.0", *behaviour))
    one.start("fleet", "--count", count, "--dir", "none", "--image", one.pack("1.0.0"),
              *one.enrolment(count), log="fleet.log")

    def are_there():
        rows = one.devices().values()
        return len(rows) == count and all(row["version"] == "1.0.0" for row in rows)

    wait_until(are_there, what=f"{count} devices")


def watch(one, number, columns, rows, **variables):
    environment = {**one.environment, "TERM": "xterm", "LANG": "C.UTF-8", **variables}
    return Terminal([GODWIT, "rollout", "watch", str(number)], columns, rows, env=environment,
                    cwd=one.folder)


def colours(terminal):
    return terminal.screen.colours


def test_few_devices():
    with fixture() as one:
        begin(one, 3)
        first = sorted(one.devices())[0]
        one.run("name", first, "kitchen")
        number = one.json("deploy", PRODUCT, "1.1.0", "--soak", "2s")["rollout_id"]
        shown = one.run("rollout", "show", number)
        assert "pauses for you to look when one fails" in shown, shown
        wide, narrow = watch(one, number, 80, 24), watch(one, number, 30, 7, NO_COLOR="1")
        left = watch(one, number, 80, 24)
        lines = subprocess.Popen([GODWIT, "rollout", "watch", str(number)], text=True,
                                 stdout=subprocess.PIPE, env=one.environment, cwd=one.folder)
        wait_until(lambda: HINT in left.text(), what="the picture")
        left.press_ctrl_c()
        assert left.wait(HANG_S) == -2, "it was not ended by Ctrl-C"
        assert f"godwit rollout halt {number}" in left.text(), left.text()
        assert one.json("rollout", "show", number)["state"] == "running"
        wait_until(lambda: "kitchen " in wide.text() and "soaking" in wide.text(),
                   what="one that soaks")
        wide.resize(100, 30)

        assert wide.wait(HANG_S) == narrow.wait(HANG_S) == 0
        for terminal in (wide, narrow):
            text = terminal.text()
            assert "thermostat 1.1.0: done" in text and HINT not in text, text
        text = wide.text()
        assert "on 3 of 3 devices" in text and "\n  kitchen       succeeded\n" in text, text
        assert text.count("thermostat 1.1.0") == 1, f"a picture was left behind:\n{text}"
        assert " kitchen has succeeded" in text or text.count("has succeeded") == 2, text
        assert narrow.text().count("thermostat 1.1.0") == 1, narrow.text()
        assert {"32", "0"} <= colours(wide) and not colours(narrow), colours(narrow)
        out = lines.communicate(timeout=HANG_S)[0]
        assert lines.returncode == 0 and "\033" not in out, out
        assert "3 of 3 confirmed" in out and "kitchen boots it on trial" in out, out
        assert "pauses for you to look when one fails" in out, out


def test_many_devices_that_fail():
    with fixture() as one:
        begin(one, 75, "--behaviour", "crash-at-boot")
        number = one.json("deploy", PRODUCT, "1.1.0", "--gates", "20:1h")["rollout_id"]
        small, begun = watch(one, number, 60, 14), time.monotonic()
        wait_until(lambda: "halts if" in small.text(), what="the brake in words")
        assert "stops after 20 devices, until the last has" in small.text(), small.text()
        assert small.wait(HANG_S) == 0, time.monotonic() - begun
        text = small.text()
        assert "thermostat 1.1.0: halted by its failures, on 0 of 75" in text, text
        assert text.count("thermostat 1.1.0") == 1, f"a picture was left behind:\n{text}"
        assert "█" in text and "has failed" in text, text
        plain = one.run("rollout", "watch", number)
        assert "halts if" not in plain and "halted by its failures" in plain, plain


def test_it_waits_at_a_gate():
    with fixture() as one:
        begin(one, 3)
        number = one.json("deploy", PRODUCT, "1.1.0", "--gates", "1:1h")["rollout_id"]
        shown = watch(one, number, 80, 24)
        gate = "waits until the first device has proven it for 1h"
        wait_until(lambda: gate in shown.text(), what="the gate")
        wait_until(lambda: "on 1 of 3 devices" in shown.text(), what="the first device")
        assert one.json("rollout", "show", number)["waits_for"] == "gate"
        one.run("rollout", "skip", number)
        assert shown.wait(HANG_S) == 0 and "on 3 of 3 devices" in shown.text(), shown.text()


if __name__ == "__main__":
    main(globals())
