#!/usr/bin/env python3
"""Ten thousand slow clients of each kind beside honest check-ins. A kind at a time: a TLS handshake
that never ends, a head, a body that come byte by byte, a reader that does not read. The honest are
200 devices on kept connections of one address; 300 check-ins a second, because server, devices and
attackers share two cores here. ratio: the worst p99 against that without slow clients; open: the
fewest that a kind had open in the end, for who has not authenticated may not hold all.

    slow.py            the figure
    slow.py --short    2,000 of each, a few seconds

Bars: p99 <= 100 ms beside every kind, refused = 0."""
import os
import pathlib
import sys
import tempfile

import wake

LOAD = pathlib.Path(os.environ.get("TESTED_BUILD", wake.ROOT / "build")) / "tests/figure_slow_load"
RATE, SECONDS, COUNT = (100, 5, 2000) if "--short" in sys.argv else (300, 20, 10000)
KINDS = ("none", "handshake", "head", "body", "read")
BAR_MS = 100


def measure(server, kind):
    p99_ms, refused, left, opened = wake.output(
        LOAD, server.port, server.data / "tls/ca.pem", RATE, SECONDS, kind, COUNT).split()
    print(f"{kind}: p99_ms={p99_ms} refused={refused} open={left} opened={opened}")
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
