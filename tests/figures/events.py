#!/usr/bin/env python3
"""Listeners to the stream of events, as many as there is room for, over TLS: one change reaches
each of them; the next one is refused by 503 and told when to come again; one that does not read is
cut off while the others lose nothing; memory of the server for each.

    events.py            the figure: 10,000 listeners
    events.py --short    some 500, of a server that may open few files (in `make test`)

Bars: all of 10,000 hear of every change, p99 <= 2 s, 24 kB each, lost = 0, every slow one cut."""
import os
import pathlib
import resource
import sqlite3
import sys
import tempfile
import time

import wake

BUILD = pathlib.Path(os.environ.get("TESTED_BUILD", wake.ROOT / "build"))
LOAD = BUILD / "tests/figure_events_load"
SHORT = "--short" in sys.argv
MOST = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
LISTENERS, FILES = (400, 1024) if SHORT else (10000, MOST)
DEVICES = 100
P99_S_MAX, KB_MAX = 2, 24


def wait_for_sweep(data):
    """Until what each device stands at is written down: that is told to listeners too."""
    database = sqlite3.connect(f"file:{data}/godwit.db?mode=ro", uri=True)
    while database.execute("select count(*) from devices where state = ''").fetchone()[0]:
        time.sleep(0.01)
    database.close()


def measure(folder):
    """The server's limits follow from how many files it may open."""
    server = wake.Server(folder, "prlimit", f"--nofile={FILES}:{FILES}")
    try:
        wait_for_sweep(server.data)
        token = (server.data / "admin-token").read_text(encoding="utf-8").strip()
        return wake.output(LOAD, server.port, server.data / "tls/ca.pem", server.process.pid,
                           20000, token, timeout=900)
    finally:
        server.stop()


def main():
    with tempfile.TemporaryDirectory(prefix="godwit-events-") as name:
        folder = pathlib.Path(name)
        wake.release(folder)
        wake.enrol(folder, DEVICES)
        got = measure(folder).split()
    count, refused, fewest, cut, slow, lost = (int(got[i]) for i in (0, 1, 3, 6, 7, 8))
    kb, p50, p99 = (float(got[i]) for i in (2, 4, 5))
    print(f"figure events listeners={count} heard={fewest} p50_s={p50} p99_s={p99} kb={kb} "
          f"refused_next={refused} slow_cut={cut}/{slow} lost={lost}")
    whole = count >= LISTENERS and fewest == count and refused and cut == slow and not lost
    timely = SHORT or (p99 <= P99_S_MAX and kb <= KB_MAX)
    return 0 if whole and timely else 1


if __name__ == "__main__":
    sys.exit(main())
