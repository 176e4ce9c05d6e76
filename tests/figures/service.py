"""What figures about a service's life share: calls of its API by hand, a wall clock that can be
moved, and a count of what was wrong."""

import http.client
import json
import os
import pathlib
import re
import ssl
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from fixture import HANG_S, ROOT  # noqa: E402

BUILD = pathlib.Path(os.environ.get("TESTED_BUILD", ROOT / "build"))
DAY_S = 86400


class Api:
    """A caller without a certificate store: it knows the server's CA whatever the date is."""

    def __init__(self, one):
        self.port = int(one.url.rsplit(":", 1)[1])
        self.context = ssl.create_default_context(cafile=str(one.data / "tls" / "ca.pem"))
        self.machine = (one.data / "admin-token").read_text().strip()

    def ask(self, method, path, body=None, token=None):
        """(status, decoded reply)"""
        line = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context,
                                           timeout=HANG_S)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        headers["Authorization"] = f"Bearer {token or self.machine}"
        line.request(method, path, headers=headers,
                     body=None if body is None else json.dumps(body))
        reply = line.getresponse()
        text = reply.read()
        line.close()
        return reply.status, json.loads(text) if text.startswith((b"{", b"[")) else text

    def make(self, path, body, token=None):
        status, reply = self.ask("POST", path, body, token)
        assert status in (200, 201), (path, status, reply)
        return reply

    def upload(self, image):
        """The status."""
        line = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context,
                                           timeout=HANG_S)
        line.request("PUT", "/api/v1/images", body=image,
                     headers={"Authorization": f"Bearer {self.machine}"})
        status = line.getresponse().status
        line.close()
        return status

    def login(self, user, password):
        status, reply = self.ask("POST", "/api/v1/login", {"user": user, "password": password})
        return reply["token"] if status == 200 else None

    def counts(self, token):
        """Whether a token is still good for anything."""
        return self.ask("GET", "/api/v1/status", token=token)[0] == 200


def first_password(one, log="serve.log"):
    return re.search(r"^password\s+(\S+)", one.text(log), re.M)[1]


class Shift:
    """Seconds by which a server's wall clock is off; clock_shift.c reads them as they change."""

    def __init__(self, folder):
        self.path = folder / "shift"
        self.set(0)

    def set(self, seconds):
        with open(self.path, "r+b" if self.path.exists() else "wb") as file:
            file.write(struct.pack("=q", int(seconds)))

    @property
    def prefix(self):
        library = BUILD / "tests" / "libclock_shift.so"
        return ("env", f"LD_PRELOAD={library}", f"CLOCK_SHIFT={self.path}")


class Wrong:
    def __init__(self):
        self.count = self.checks = 0

    def expect(self, is_good, what):
        self.checks += 1
        if not is_good:
            self.count += 1
            print(f"wrong: {what}", flush=True)
        return is_good
