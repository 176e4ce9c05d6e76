"""A real server that is killed, or whose system calls fail, at moments that a test chooses: through
a preloaded library (tests/support/fault_calls.c) and the page of memory that both share."""
import http.client
import json
import mmap
import os
import pathlib
import signal
import ssl
import struct
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TESTED_BUILD", ROOT / "build"))
GODWIT = os.environ.get("GODWIT", str(BUILD / "godwit"))
FAULTS = BUILD / "tests/libfault_calls.so"
HANG_S = 300
PAGE = 4096

CALLS = ("write", "pwrite", "fsync", "fdatasync", "open", "rename", "ftruncate", "unlink", "mkdir",
         "read", "accept", "alloc")
# What changes a disk, or promises that it did.
CHANGES = ("write", "pwrite", "fsync", "fdatasync", "rename", "ftruncate", "unlink", "mkdir")
COUNT, KILL, FAIL, SLOW = range(4)
NOT_DONE, HALF_DONE, DONE = range(3)
COUNTS_AT = 12


class Faults:
    """The page that the preloaded library maps; its numbers are those of `struct control`."""

    def __init__(self, path):
        self.path = path
        path.write_bytes(bytes(PAGE))
        with open(path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), PAGE)

    def put(self, at, value):
        struct.pack_into("<I", self.page, 4 * at, value)

    def get(self, at):
        return struct.unpack_from("<I", self.page, 4 * at)[0]

    def arm(self, action, calls, nth=1, flavour=NOT_DONE, for_good=False, error=0, delay_ms=0):
        """The n-th of these calls from now on; the action goes last, for it lets the rest count."""
        self.put(1, COUNT)
        for at, value in ((0, sum(1 << CALLS.index(call) for call in calls)), (2, flavour),
                          (3, nth), (4, int(for_good)), (5, error), (6, delay_ms), (7, 0)):
            self.put(at, value)
        self.put(1, action)

    def disarm(self):
        self.put(1, COUNT)
        self.put(0, 0)

    @property
    def hits(self):
        return self.get(7)

    def count(self, calls):
        return sum(self.get(COUNTS_AT + CALLS.index(call)) for call in calls)


class Line:
    """One client's connection, opened anew when it was lost."""

    def __init__(self, victim, bearer):
        self.victim, self.bearer, self.line, self.life = victim, bearer, None, -1

    def ask(self, method, path, body=None, bearer=None, headers=None, timeout=HANG_S):
        """Status and document. OSError, HTTPException: no answer came."""
        if self.life != self.victim.life or self.line is None:
            self.close()
            self.life = self.victim.life
            self.line = http.client.HTTPSConnection("127.0.0.1", self.victim.port, timeout=timeout,
                                                    context=self.victim.trust)
        known = {"Authorization": f"Bearer {bearer or self.bearer}", **(headers or {})}
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            known["Content-Type"] = "application/json"
        try:
            self.line.request(method, path, body, known)
            reply = self.line.getresponse()
            text = reply.read()
            if reply.will_close:
                self.close()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        is_json = "json" in (reply.headers.get("Content-Type") or "")
        return reply.status, json.loads(text) if is_json else text

    def close(self):
        if self.line:
            self.line.close()
        self.line = None


class Victim:
    """One data directory, and the server that runs on it now."""

    def __init__(self, folder, *options):
        self.folder, self.data, self.options = folder, folder / "data", options
        self.faults = Faults(folder / "faults")
        self.life, self.process, self.port, self.start_s = 0, None, None, 0.0
        self.environment = dict(os.environ, GODWIT_DATA=str(self.data), HOME=str(folder))
        self.environment.pop("GODWIT_PASSWORD", None)

    def start(self):
        """False: it was killed before it served."""
        announced = self.data / "server.json"
        announced.unlink(missing_ok=True)
        began = time.monotonic()
        environment = dict(self.environment, LD_PRELOAD=str(FAULTS),
                           TESTED_FAULTS=str(self.faults.path))
        with open(self.folder / "serve.log", "wb") as log:
            self.process = subprocess.Popen(
                [GODWIT, "serve", "--data", str(self.data), "--listen", "127.0.0.1:0", "--loops",
                 "1", *self.options], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=environment)
        while not announced.exists() or not announced.stat().st_size:
            if self.process.poll() is not None:
                if self.process.returncode == -signal.SIGKILL:
                    return False
                raise AssertionError(f"serve ended by itself with {self.process.returncode}:\n"
                                     + self.log()[-2000:])
            assert time.monotonic() < began + HANG_S, "serve hangs at its start"
            time.sleep(0.001)
        self.start_s = time.monotonic() - began
        self.port = int(json.loads(announced.read_text())["url"].rsplit(":", 1)[1])
        self.trust = ssl.create_default_context(cafile=str(self.data / "tls/ca.pem"))
        self.admin = (self.data / "admin-token").read_text().strip()
        self.life += 1
        return True

    def log(self):
        return (self.folder / "serve.log").read_text(errors="replace")

    def is_alive(self):
        return self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.process.terminate()
        return self.process.wait(HANG_S)

    def run(self, *words, check=True):
        return subprocess.run([GODWIT, *map(str, words)], check=check, capture_output=True,
                              text=True, env=self.environment, cwd=self.folder, timeout=HANG_S)

    def pack(self, version, project="thermostat", size=16384):
        path = self.folder / f"{project}-{version}.bin"
        self.run("pack", "--project", project, "--version", version, "--size", size, path)
        return path.read_bytes()
