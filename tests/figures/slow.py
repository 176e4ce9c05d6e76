#!/usr/bin/env python3
"""Ten thousand slow clients of each kind beside honest check-ins. A kind at a time: a TLS handshake
that never ends, a head, a body that come byte by byte, a reader that does not read. The honest are
1,000 devices of one address, 1,000 check-ins a second, one in ten on a new connection; server,
devices and attackers share two cores here. ratio: the worst p99 against that without slow clients;
open: the fewest that a kind had open in the end, for who has not authenticated may not hold all.

    slow.py            the figure
    slow.py --short    2,000 of each, a few seconds

Bars: p99 <= 100 ms beside every kind, refused = 0."""
import os
import pathlib
import sys
import tempfile
import time

import wake

LOAD = pathlib.Path(os.environ.get("TESTED_BUILD", wake.ROOT / "build")) / "tests/figure_slow_load"
RATE, SECONDS, COUNT = (200, 5, 2000) if "--short" in sys.argv else (1000, 20, 10000)
KINDS = ("none", "handshake", "head", "body", "read")
BAR_MS = 100


def cpu_s(server):
    times = pathlib.Path(f"/proc/{server.process.pid}/stat").read_text("ascii").split()
    return (int(times[13]) + int(times[14])) / os.sysconf("SC_CLK_TCK")


def memory_mib(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text("ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def measure(server, kind):
    begun, used = time.monotonic(), cpu_s(server)
    p99_ms, refused, left, opened = wake.output(
        LOAD, server.port, server.data / "tls/ca.pem", RATE, SECONDS, kind, COUNT).split()
    used = 100 * (cpu_s(server) - used) / (time.monotonic() - begun)
    print(f"{kind}: p99_ms={p99_ms} refused={refused} open={left} opened={opened} "
          f"mib={memory_mib(server):.0f} server_cpu={used:.0f}% load={os.getloadavg()[0]:.1f}",
          flush=True)
    return float(p99_ms), int(refused), int(left)


def main():
    with tempfile.TemporaryDirectory(prefix="godwit-slow-") as name:
        folder = pathlib.Path(name)
        wake.release(folder)
        wake.enrol(folder)
        server = wake.Server(folder)
        try:
            got = {kind: measure(server, kind) for kind in KINDS}
        finally:
            server.stop()
    worst = max(p99 for p99, _, _ in got.values())
    refused = sum(count for _, count, _ in got.values())
    fewest = min(left for kind, (_, _, left) in got.items() if kind != "none")
    print(f"figure slow p99_ms={worst} ratio={worst / max(got['none'][0], 0.1):.1f} "
          f"refused={refused} clients={COUNT} open={fewest} rate={RATE}")
    return 1 if worst > BAR_MS or refused else 0


if __name__ == "__main__":
    sys.exit(main())
