#!/usr/bin/env python3
"""What a device costs a server that runs: resident bytes of the whole process over the number of
its devices, at 100,000 and at 1,000,000; how long a start takes until the port answers; and by how
much the process has grown once every list was read to its end, and all devices were exported in
each format. `memory.py COUNT…` takes other sizes. The bar of bytes holds for the larger of the two,
the one of growth for each."""
import json
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import fleet_db  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
GODWIT = ROOT / "build/godwit"
COUNTS, BYTES_BAR, GROWTH_BAR, START_BAR_S, START_BAR_COUNT = (100000, 1000000), 600, 8, 1, 100000
LISTS = ("devices", "devices/pending", "rollouts", "releases", "status", "events", "audit",
         "claims", "tags", "users", "tokens", "sessions")
EXPORTS = ("csv", "ndjson")
PAGES_MAX = 60  # of one list; the whole of a long one would take hours


class Server:
    """`godwit serve` on a data directory, from the moment it answers."""

    def __init__(self, folder):
        self.folder = folder
        announced = folder / "data/server.json"
        announced.unlink(missing_ok=True)
        self.log = open(folder / "log", "ab")
        began = time.monotonic()
        self.process = subprocess.Popen(
            [str(GODWIT), "serve", "--data", str(folder / "data"), "--listen", "127.0.0.1:0",
             "--loops", "1"], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        while not announced.exists() or not announced.stat().st_size:
            if self.process.poll() is not None:
                sys.exit((folder / "log").read_text()[-2000:])
            time.sleep(0.002)
        self.start_s = time.monotonic() - began
        self.url = json.loads(announced.read_text())["url"]
        self.token = (folder / "data/admin-token").read_text().strip()
        self.trust = ssl.create_default_context(cafile=str(folder / "data/tls/ca.pem"))

    def resident(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return 1024 * int(text.split("VmRSS:")[1].split()[0])

    def get(self, path):
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", headers={
            "Authorization": f"Bearer {self.token}"})
        try:
            with urllib.request.urlopen(request, context=self.trust, timeout=300) as reply:
                return reply.read()
        except urllib.error.HTTPError as error:
            if error.code not in (404, 405):
                sys.exit(f"GET {path}: {error.code} {error.read().decode()}")
            return None

    def export(self, kind):
        """How many lines it has, and the most that the server had resident while it sent them."""
        request = urllib.request.Request(
            f"{self.url}/api/v1/devices/export?format={kind}",
            headers={"Authorization": f"Bearer {self.token}"})
        lines, most = 0, 0
        with urllib.request.urlopen(request, context=self.trust, timeout=300) as reply:
            while piece := reply.read(1 << 20):
                lines += piece.count(b"\n")
                most = max(most, self.resident())
        return lines, most

    def end(self):
        self.process.terminate()
        self.process.wait(600)  # a busy machine writes a million rows slowly
        self.log.close()


def read_list(server, name):
    """All pages, or as many as PAGES_MAX; whether there is such a list at all."""
    page, path = server.get(name), name
    for _ in range(PAGES_MAX):
        if page is None:
            return path != name
        after = json.loads(page).get("next") if page.startswith(b"{") else None
        if not after:
            break
        path = f"{name}?limit=500&after={after}"
        page = server.get(path)
    return True


def read_exports(server, count):
    """The most that was resident after one of them; the process ends where a device is missing."""
    after = 0
    for kind in EXPORTS:
        began = time.monotonic()
        lines, most = server.export(kind)
        if lines != count + (kind == "csv"):
            sys.exit(f"the export as {kind} has {lines} lines for {count} devices")
        after = max(after, server.resident())
        print(f"{count} devices: {kind} in {time.monotonic() - began:.1f} s,"
              f" {most / 2**20:.1f} MiB resident meanwhile, {server.resident() / 2**20:.1f} after",
              flush=True)
    return after


def measure(count):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="godwit-memory-"))
    try:
        Server(folder).end()
        began = time.monotonic()
        fleet_db.fill(folder / "data/godwit.db", count)
        filled_s = time.monotonic() - began
        server = Server(folder)
        try:
            resident = server.resident()
            print(f"{count} devices: {resident / count:.0f} bytes each, start"
                  f" {server.start_s:.2f} s (rows made in {filled_s:.1f} s)", flush=True)
            lists = sum(read_list(server, name) for name in LISTS)
            grown = server.resident() - resident
            print(f"{count} devices: {grown / 2**20:.1f} MiB more after {lists} lists", flush=True)
            grown = max(0, grown, read_exports(server, count) - resident)
        finally:
            server.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{count} devices: {grown / 2**20:.1f} MiB more after lists and exports", flush=True)
    return resident / count, server.start_s, grown / 2**20


def main():
    counts = [int(word) for word in sys.argv[1:]] or COUNTS
    measured = [measure(count) for count in counts]
    size = max(one[0] for one in measured)
    growth = max(one[2] for one in measured)
    start_s = max([one[1] for one, count in zip(measured, counts) if count <= START_BAR_COUNT],
                  default=0)
    print(f"figure memory bytes={size:.0f} growth_mib={growth:.1f} start_s={start_s:.2f}"
          f" devices={'+'.join(map(str, counts))}")
    return size > BYTES_BAR or growth > GROWTH_BAR or start_s > START_BAR_S


if __name__ == "__main__":
    sys.exit(main())
