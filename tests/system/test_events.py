"""Server-sent events of a real server: what changes is told, a stream continues where it was cut, a
restart is a reset, and many may listen."""

import contextlib
import json
import socket
import ssl
import sys

from fixture import HANG_S, PRODUCT, fixture, main


class Stream:
    def __init__(self, server, token, last=None):
        context = ssl.create_default_context(cafile=str(server.data / "tls" / "ca.pem"))
        host, port = server.url.removeprefix("https://").split(":")
        plain = socket.create_connection((host, int(port)), timeout=HANG_S)
        self.line = context.wrap_socket(plain, server_hostname=host)
        resume = f"Last-Event-ID: {last}\r\n" if last else ""
        self.line.sendall(f"GET /api/v1/events/stream HTTP/1.1\r\nHost: {host}\r\n"
                          f"Authorization: Bearer {token}\r\n{resume}\r\n".encode())
        self.file = self.line.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        while self.file.readline().strip():
            pass
        self.text = b""
        self.last = None

    def next(self):
        """The next event; None when the stream is over."""
        while b"\n\n" not in self.text:
            size = int(self.file.readline() or b"0", 16)
            self.text += self.file.read(size)
            self.file.readline()
            if not size:
                return None
        event, _, self.text = self.text.partition(b"\n\n")
        fields = dict(line.split(": ", 1) for line in event.decode().split("\n") if ": " in line)
        if "data" not in fields:
            return self.next()
        self.last = fields["id"]
        return json.loads(fields["data"])

    def until(self, kind, **facts):
        while True:
            event = self.next()
            assert event, f"the stream ended before {kind} {facts}"
            if event["kind"] == kind and all(event.get(key) == facts[key] for key in facts):
                return event

    def close(self):
        self.file.close()
        self.line.close()


def admin_token(server):
    return (server.data / "admin-token").read_text().strip()


def test_changes_are_told():
    with fixture() as server:
        server.serve()
        stream = Stream(server, admin_token(server))
        assert stream.next()["kind"] == "ready"
        server.run("upload", server.pack("1.0.0"))
        stream.until("image", change="uploaded")
        mark = stream.last
        image = server.pack("1.0.0")
        server.start("device", "--flash", server.folder / "one.flash", "--image", image,
                     *server.enrolment(), log="device.log")
        device = stream.until("device", state="up-to-date", version="1.0.0")
        server.run("upload", server.pack("1.1.0"))
        server.run("deploy", PRODUCT, "1.1.0")
        stream.until("rollout", change="created")
        stream.until("device", object=device["object"], state="in-progress")
        done = stream.until("device", object=device["object"], state="up-to-date", version="1.1.0")
        assert done["product"] == PRODUCT
        again = Stream(server, admin_token(server), last=mark)
        assert again.next()["kind"] == "ready"
        assert again.until("rollout", change="created")["change"] == "created"
        assert Stream(server, admin_token(server), last="1-1").next()["kind"] == "reset"
        assert Stream(server, "gwa.nothing").status == 401
        stream.close()


def test_a_restart_is_a_reset_and_an_end():
    with fixture() as server:
        process = server.serve()
        stream = Stream(server, admin_token(server))
        stream.next()
        server.run("upload", server.pack("1.0.0"))
        stream.until("image")
        server.end(process)
        with contextlib.suppress(OSError):
            assert stream.next() is None
        server.serve()
        assert Stream(server, admin_token(server), last=stream.last).next()["kind"] == "reset"


def test_many_listen():
    with fixture() as server:
        server.serve()
        streams = [Stream(server, admin_token(server)) for _ in range(300)]
        server.run("upload", server.pack("1.0.0"))
        for stream in streams:
            stream.until("image", change="uploaded")
        for stream in streams:
            stream.close()
        server.run("status")


if __name__ == "__main__":
    main(dict(globals()))
    sys.exit(0)
