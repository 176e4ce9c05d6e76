#!/usr/bin/env python3
"""A hundred thousand devices that come back within ten seconds, as after an outage: each over a new
TLS connection with a full handshake, for a server that was just started knows no session. Six
programs play them, because one may not open as many files; they share two cores with the server.

    herd.py            the figure
    herd.py --short    3,000 devices in 2 s, for `make test`: all are answered, none is cut off

unserved: devices without an answer after five minutes. errors: connections that were cut once a
byte had come, or that the server says it closed for another; replies other than 200 and 503 with
Retry-After. late: tries that were not taken up within 10 s or that the kernel reset because its
queue was full, so the device came again. Bars: unserved = 0, errors = 0, 1,024 MiB at most."""
import os
import pathlib
import re
import ssl
import subprocess
import sys
import tempfile
import urllib.request

import wake

LOAD = pathlib.Path(os.environ.get("TESTED_BUILD", wake.ROOT / "build")) / "tests/figure_herd_load"
DEVICES, SPREAD_S, PROGRAMS = (3000, 2, 2) if "--short" in sys.argv else (100000, 10, 6)
LIMIT_S, BAR_MIB = 300, 1024


def memory_mib(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def closed(server):
    """How many connections the server has closed because it had too many."""
    token = (server.data / "admin-token").read_text(encoding="utf-8").strip()
    request = urllib.request.Request(f"https://127.0.0.1:{server.port}/metrics",
                                     headers={"Authorization": "Bearer " + token})
    context = ssl.create_default_context(cafile=server.data / "tls/ca.pem")
    with urllib.request.urlopen(request, timeout=60, context=context) as reply:
        text = reply.read().decode()
    return sum(int(re.search(rf"^godwit_{name}_total (\d+)", text, re.M)[1])
               for name in ("displaced", "refused_limit"))


def play(server):
    """What each program has printed, column by column."""
    each = DEVICES // PROGRAMS
    commands = [[LOAD, server.port, server.data / "tls/ca.pem", 1 + each * i,
                 each if i < PROGRAMS - 1 else DEVICES - each * i, SPREAD_S, LIMIT_S]
                for i in range(PROGRAMS)]
    programs = [subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
                for command in commands]
    said = [program.communicate()[0].split() for program in programs]
    if any(program.returncode for program in programs) or server.process.poll() is not None:
        sys.exit("a program ended before its time")
    return list(zip(*said))


def main():
    with tempfile.TemporaryDirectory(prefix="godwit-herd-") as name:
        folder = pathlib.Path(name)
        wake.release(folder)
        wake.enrol(folder, DEVICES)
        server = wake.Server(folder)
        try:
            unserved, errors, busy, retry, late, last = play(server)
            cut = closed(server)  # some of what the clients saw cut, where a byte had come
            mib = memory_mib(server.process)
        finally:
            server.stop()
    unserved, errors = sum(map(int, unserved)), sum(map(int, errors)) + cut
    print(f"figure herd unserved={unserved} errors={errors} closed={cut} mib={mib:.0f} "
          f"last_s={max(map(float, last))} busy={sum(map(int, busy))} "
          f"retry_after_s={max(map(int, retry))} late={sum(map(int, late))} devices={DEVICES} "
          f"spread_s={SPREAD_S} load={os.getloadavg()[0]:.1f}")
    return 1 if unserved or errors or mib > BAR_MIB else 0


if __name__ == "__main__":
    sys.exit(main())
