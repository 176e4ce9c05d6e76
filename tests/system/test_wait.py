"""Devices whose check-ins the server holds: a deploy reaches them though their interval is a day,
and a line that cuts what is silent leaves them as they were without it."""
import re
import socket
import ssl
import threading
import urllib.parse
import urllib.request

from fixture import HANG_S, fixture, main, wait_until

WAITS, POLLS = "026777000001", "026777000002"
CUT_S = 1.5
LEARNT_S = 6  # long enough to tell of the line, and not of a device that has gone


def begin(one, interval_s):
    one.serve("--interval", interval_s)
    first = one.pack("1.0.0")
    one.run("upload", first)
    one.run("upload", one.pack("1.1.0"))
    return first


def held(one):
    """How many check-ins the server holds."""
    context = ssl.create_default_context(cafile=str(one.data / "tls" / "ca.pem"))
    token = (one.data / "admin-token").read_text().strip()
    ask = urllib.request.Request(one.url + "/metrics", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(ask, context=context, timeout=HANG_S) as reply:
        text = reply.read().decode()
    return int(re.search(r"^godwit_held_requests (\d+)$", text, re.M)[1])


def test_a_deploy_reaches_a_device_that_waits():
    with fixture() as one:
        first = begin(one, 86400)
        join = one.enrolment(3)
        for mac, words in ((WAITS, ("--wait", 3300)), (POLLS, ())):
            one.start("device", "--flash", one.folder / f"{mac}.bin", "--image", first, *join,
                      *words, log=f"{mac}.log")
            one.wait_for(mac, "1.0.0")
        wait_until(lambda: held(one) == 1, what="a held check-in")
        one.run("deploy", "thermostat", "1.1.0")
        one.wait_for(WAITS, "1.1.0")
        assert one.devices()[POLLS]["version"] == "1.0.0"
        assert "the server replied" not in one.text(f"{WAITS}.log")


def borne(one, device):
    """Seconds that the server has learnt to hold its check-ins for."""
    return one.json("devices", device)["facts"]["wait_s"]


def relay(server, cut_s=CUT_S):
    """A line that lets nobody be silent for cut_s seconds; its port."""
    address = urllib.parse.urlsplit(server)
    listener = socket.create_server(("127.0.0.1", 0))

    def pump(source, sink):
        source.settimeout(cut_s)
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def accept():
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection((address.hostname, address.port))
            for ends in ((near, far), (far, near)):
                threading.Thread(target=pump, args=ends, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener


def test_a_line_that_cuts_what_is_held():
    with fixture() as one:
        first = begin(one, 1)
        line = relay(one.url)
        join = one.enrolment(2)
        join[join.index("--server") + 1] = f"https://127.0.0.1:{line.getsockname()[1]}"
        one.start("device", "--flash", one.folder / f"{WAITS}.bin", "--image", first, *join,
                  "--wait", 3300, log="device.log")
        one.wait_for(WAITS, "1.0.0")
        wait_until(lambda: one.text("device.log").count("check-in") > 6, what="the sixth check-in")
        one.run("deploy", "thermostat", "1.1.0")
        one.wait_for(WAITS, "1.1.0")
        line.close()


def test_the_server_learns_what_a_line_bears():
    """By the device alone that is behind it; and nothing is lost on the way."""
    with fixture() as one:
        first = begin(one, 1)
        line = relay(one.url, LEARNT_S)
        join = one.enrolment(2)
        one.start("device", "--flash", one.folder / f"{POLLS}.bin", "--image", first, *join,
                  "--wait", 3300, log="direct.log")
        join[join.index("--server") + 1] = f"https://127.0.0.1:{line.getsockname()[1]}"
        one.start("device", "--flash", one.folder / f"{WAITS}.bin", "--image", first, *join,
                  "--wait", 3300, log="device.log")
        one.wait_for(WAITS, "1.0.0")
        assert borne(one, WAITS) == 110
        wait_until(lambda: borne(one, WAITS) == 0, what="that none of its check-ins is held")
        assert borne(one, POLLS) == 110
        one.run("deploy", "thermostat", "1.1.0")
        for device in (WAITS, POLLS):
            one.wait_for(device, "1.1.0")
        assert {device["state"] for device in one.devices().values()} == {"up-to-date"}
        line.close()


def test_refusals():
    with fixture() as one:
        assert "at most" in one.refusal("device", "--flash", "x", "--server", "https://127.0.0.1",
                                        "--ca", "x", "--initial-policy", "x", "--wait", 3301,
                                        status=2)


if __name__ == "__main__":
    main(globals())
