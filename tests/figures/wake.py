#!/usr/bin/env python3
"""How soon devices that wait hear of a deploy. Ten thousand devices hold a check-in over TLS; forty
deploys follow one another, each to ten of them. Measured: from the deploy's first byte to the
first byte of the image at each device; memory of the server for each that waits; its CPU meanwhile.

    wake.py            the figure: 10,000 devices
    wake.py --short    1,000 devices and half the deploys

Bars: p50 <= 0.3 s, p99 <= 2 s, 20 kB each, 1 % of one core."""
import hashlib
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TESTED_BUILD", ROOT / "build"))
GODWIT, LOAD = os.environ.get("GODWIT", str(BUILD / "godwit")), BUILD / "tests/figure_wake_load"
DEVICES, ROUNDS = (1000, 20) if "--short" in sys.argv else (10000, 40)
BARS = {"p50_s": 0.3, "p99_s": 2, "kb": 20, "idle_cpu": 1}

INSERT = """
insert into devices (org, device_id, token_sha256, product, created, last_seen, outcome_id,
    outcome_stage, outcome_file, known_image, agent_version, project, version, idf_version, slot,
    image_sha256, file_sha256, staged_file_sha256, chip_id, chip_revision, flash_size, slot_size,
    free_heap, checkins, boots, fresh_age, reset, deploy_keys)
  select org, ?1, ?2, id, ?3, ?3, 0, 0, zeroblob(32), ?4, '0.2.0', 'wake', '1.0.0', 'v5.1.2',
    'ota_0', ?4, zeroblob(32), zeroblob(32), 5, 3, 4194304, 1740800, 100000, 1, 1, 60, 1,
    zeroblob(16)
  from products where name = 'wake'
"""


def output(*command, timeout=180, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          timeout=timeout, check=False, **options)
    if done.returncode:
        sys.exit(f"{command[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


class Server:
    def __init__(self, folder, *prefix):
        self.data = folder / "data"
        self.announced = self.data / "server.json"
        self.announced.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [*prefix, GODWIT, "serve", "--data", self.data, "--listen", "127.0.0.1:0"],
            stdout=open(folder / "out", "ab"), stderr=open(folder / "log", "ab"))
        while not self.announced.exists():
            if self.process.poll() is not None:
                sys.exit((folder / "log").read_text(encoding="utf-8", errors="replace"))
            time.sleep(0.005)
        url = json.loads(self.announced.read_text(encoding="utf-8"))["url"]
        self.port = url.rsplit(":", 1)[1]

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)


def release(folder):
    """A product with two releases; the first is what the devices say that they run."""
    server = Server(folder)
    try:
        environment = {**os.environ, "GODWIT_DATA": str(server.data), "HOME": str(folder)}
        image = folder / "wake.bin"
        output(GODWIT, "pack", "--project", "wake", "--version", "1.1.0", image)
        output(GODWIT, "upload", "--open", image, env=environment)
    finally:
        server.stop()


def enrol(folder, count=DEVICES):
    database = sqlite3.connect(folder / "data/godwit.db")
    now_s, runs = int(time.time()), b"\x11" * 32
    rows = []
    for number in range(1, count + 1):
        token = hashlib.sha256(f"wake device {number}".encode()).digest()
        rows.append((b"\x02" + number.to_bytes(5, "big") + bytes(10),
                     hashlib.sha256(token).digest(), now_s, runs))
    database.executemany(INSERT, rows)
    database.commit()
    database.close()


def measure(folder):
    server = Server(folder)
    try:
        token = (server.data / "admin-token").read_text(encoding="utf-8").strip()
        return output(LOAD, server.port, server.data / "tls/ca.pem", server.process.pid, DEVICES,
                      ROUNDS, token, "wake", "1.1.0")
    finally:
        server.stop()


def main():
    with tempfile.TemporaryDirectory(prefix="godwit-wake-") as name:
        folder = pathlib.Path(name)
        release(folder)
        enrol(folder)
        kb, cpu, p50, p99 = map(float, measure(folder).split())
    got = {"p50_s": p50, "p99_s": p99, "kb": kb, "idle_cpu": cpu}
    print(f"figure wake p50_s={p50} p99_s={p99} kb={kb} idle_cpu={cpu} devices={DEVICES} "
          f"deploys={ROUNDS}")
    return 1 if any(got[name] > bar for name, bar in BARS.items()) else 0


if __name__ == "__main__":
    sys.exit(main())
