#!/usr/bin/env python3
"""A real server without a descriptor to spare: it rests instead of spinning, says so once in a
while, and serves who has waited once there is room."""
import http.client
import json
import os
import resource
import socket
import ssl
import time

from fixture import fixture, main, wait_until

WAITING = 30
STARVED_S = 4
CPU_MAX = 0.05  # of a core


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_no_descriptor_is_left():
    with fixture() as one:
        server = one.serve()
        host, port = json.loads((one.data / "server.json").read_text())["url"][8:].split(":")
        before = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        used = 1 + max(map(int, os.listdir(f"/proc/{server.pid}/fd")))
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (used, before[1]))
        begun_s = cpu_s(server.pid)
        waiting = [socket.create_connection((host, int(port))) for _ in range(WAITING)]
        time.sleep(STARVED_S)
        share = (cpu_s(server.pid) - begun_s) / STARVED_S
        told = one.text("serve.log").count("event=http_accept_failed")
        print(f"  {WAITING} connections without a descriptor for {STARVED_S} s: CPU "
              f"{100 * share:.1f} % of a core, {told} lines in the log")
        assert 1 <= told <= 2 * (os.cpu_count() or 1), one.text("serve.log")
        assert share <= CPU_MAX, share
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, before)
        context = ssl._create_unverified_context()
        for line in waiting:
            line.settimeout(20)
            secure = http.client.HTTPSConnection(host, port)
            secure.sock = context.wrap_socket(line)
            secure.request("GET", "/healthz")
            assert secure.getresponse().status == 200
            secure.close()
        wait_until(lambda: "thermostat" not in one.run("status"), what="a new connection")


if __name__ == "__main__":
    main(globals())
