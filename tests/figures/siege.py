#!/usr/bin/env python3
"""All attacks that need no secret, and one device that floods, against one running server over real
sockets, each alone and then all together, while honest devices check in and one operator logs in
and reads. The server may open 1,024 files, as many systems allow by default.
A device is locked out when it is not answered in 10 s though it tries each half second, the
operator when a second login within a second fails too.

    siege.py            the figure: 200 honest check-ins a second
    siege.py --short    a few seconds, for `make test`: only deaths and lockouts count

Bars: deaths = 0, lockouts = 0, p99 of honest check-ins <= 100 ms in every phase, memory <= 256 MiB
and, once all is over, at most 1.3 times what it was before."""
import json
import os
import pathlib
import re
import resource
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TESTED_BUILD", ROOT / "build"))
GODWIT, LOAD = os.environ.get("GODWIT", str(BUILD / "godwit")), BUILD / "tests/figure_siege_load"
FILES = 1024
# The honest devices and the operator come from 127.0.0.1; so does an attacker who shares their
# address, as behind one NAT.
ATTACKS = [("pipelined", "127.0.0.10"), ("bodies", "127.0.0.20"), ("idle", "127.0.0.1"),
           ("slow-heads", "127.0.0.30"), ("claims", "127.0.0.40"), ("logins", "127.0.0.50"),
           ("outcomes", "127.0.0.60"), ("lines", "127.0.0.70")]
PIPELINED = 25000  # connections that try it, over real sockets
BAR_P99_MS, BAR_MEMORY_MIB, BAR_RATIO = 100, 256, 1.3


class Server:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.known = None  # by which the operator is told from who guesses, from the first login on
        self.data = self.folder / "data"
        self.log = self.folder / "serve.log"
        out = open(self.folder / "serve.out", "wb")
        self.process = subprocess.Popen(
            [GODWIT, "serve", "--data", self.data, "--listen", "127.0.0.1:0"], stdout=out,
            stderr=open(self.log, "wb"), stdin=subprocess.DEVNULL,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES)))
        text = self.wait_for_text(self.folder / "serve.out", r"CA fingerprint(.|\n)*password +\S+")
        self.url = re.search(r"https://\S+", text)[0]
        self.password = re.search(r"password +(\S+)", text)[1]
        self.port = self.url.rsplit(":", 1)[1]
        self.ca = next(self.data.rglob("ca.pem"))
        self.context = ssl.create_default_context(cafile=self.ca)

    def wait_for_text(self, path, pattern):
        while True:  # a server that never starts ends with the figure's own time limit
            text = path.read_text(errors="replace")
            if re.search(pattern, text):
                return text
            if not self.is_alive():
                sys.exit(f"serve ended at its start: {self.log.read_text()}")
            time.sleep(0.02)

    def is_alive(self):
        return self.process.poll() is None

    def memory_mib(self):
        try:
            status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0.0
        found = re.search(r"VmRSS:\s+(\d+)", status)
        return int(found[1]) / 1024 if found else 0.0

    def ask(self, method, path, body=None, token=None):
        request = urllib.request.Request(self.url + path, method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", "Bearer " + token)
        with urllib.request.urlopen(request, timeout=10, context=self.context) as reply:
            return json.loads(reply.read())

    def login(self):
        account = {"user": "admin", "password": self.password}
        if self.known:
            account["known"] = self.known
        reply = self.ask("POST", "/api/v1/login", account)
        self.known = reply.get("known", self.known)
        return reply["token"]

    def close(self):
        if self.is_alive():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Operator(threading.Thread):
    """Logs in, reads, and again; what is refused is asked once more after a second, as a person
    would; then it is a lockout."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.lockouts, self.logins, self.slowest_s = server, 0, 0, 0.0
        self.ending = threading.Event()

    def once(self):
        begun = time.monotonic()
        token = self.server.login()
        self.server.ask("GET", "/api/v1/status", token=token)
        self.server.ask("GET", "/api/v1/devices", token=token)
        self.slowest_s = max(self.slowest_s, time.monotonic() - begun)
        self.logins += 1

    def run(self):
        while not self.ending.wait(1.0):
            for last in (False, True):
                try:
                    self.once()
                    break
                except (OSError, urllib.error.URLError, ValueError) as fault:
                    if last:
                        self.lockouts += 1
                        print(f"operator: {fault}", file=sys.stderr)
                    time.sleep(1.0)


class Memory(threading.Thread):
    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.most_mib = server, 0.0

    def run(self):
        while self.server.is_alive():
            self.most_mib = max(self.most_mib, self.server.memory_mib())
            time.sleep(0.1)


def numbers(line):
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", line)}


class Siege:
    def __init__(self, server, devices, rate):
        self.server = server
        token = server.login()
        image = server.folder / "siege.bin"
        environment = dict(os.environ, GODWIT_DATA=str(server.data), HOME=str(server.folder))
        for command in (["pack", "--project", "siege", image], ["upload", "--open", image]):
            subprocess.run([GODWIT, *command], check=True, stdout=subprocess.DEVNULL,
                           env=environment)
        claims = [server.ask("POST", "/api/v1/claims", {"product": "siege", "count": uses},
                             token)["token"] for uses in (devices, 1)]
        self.secret = subprocess.run([LOAD, "device", server.port, server.ca, claims[1]],
                                     capture_output=True, text=True, check=True).stdout.strip()
        self.honest = subprocess.Popen(
            [LOAD, "honest", server.port, server.ca, claims[0], str(devices), str(rate)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.honest.stdout.readline() != "ready\n":
            sys.exit("the honest devices can not join")
        self.lockouts = self.checkins = self.p99_us = 0

    def phase(self, name, attacks, seconds, least=0):
        # Attackers have machines of their own: here they take only the CPU that is left over.
        attackers = [subprocess.Popen(["nice", "-n", "15", LOAD, "attack", self.server.port,
                                       self.server.ca, attack, str(seconds), str(least), source,
                                       self.secret], stdout=subprocess.PIPE, text=True)
                     for attack, source in attacks]
        if not attackers:
            time.sleep(seconds)
        told = [attacker.communicate()[0].strip() for attacker in attackers]
        self.honest.stdin.write("\n")
        self.honest.stdin.flush()
        seen = numbers(self.honest.stdout.readline())
        self.lockouts += seen["lockouts"]
        self.checkins += seen["checkins"]
        self.p99_us = max(self.p99_us, seen["p99_us"])
        print(f"{name:12} p50={seen['p50_us'] / 1000:.1f} p99={seen['p99_us'] / 1000:.1f} "
              f"max={seen['max_us'] / 1000:.0f} ms checkins={seen['checkins']} "
              f"lockouts={seen['lockouts']} memory={self.server.memory_mib():.0f} MiB "
              f"alive={self.server.is_alive()}" + "".join("\n    " + line for line in told),
              flush=True)
        return seen

    def close(self):
        self.honest.stdin.close()
        self.honest.wait()


def memory_after(server, before_mib, wait_s):
    """What is left once connections had time to end and memory to be given back."""
    until = time.monotonic() + wait_s
    while server.memory_mib() > BAR_RATIO * before_mib and time.monotonic() < until:
        time.sleep(0.5)
    return server.memory_mib()


def play(server, short):
    devices, rate, alone_s, together_s = (64, 40, 2, 4) if short else (400, 200, 8, 30)
    siege, operator, memory = Siege(server, devices, rate), Operator(server), Memory(server)
    operator.start()
    siege.phase("quiet", [], alone_s)
    before_mib = server.memory_mib()
    memory.start()
    for attack in ATTACKS:
        least = PIPELINED if attack[0] == "pipelined" and not short else 0
        siege.phase(attack[0], [attack], alone_s, least)
    siege.phase("together", ATTACKS, together_s)
    after_mib = memory_after(server, before_mib, 0 if short else 40)
    operator.ending.set()
    operator.join(30)
    siege.close()
    log_mib = server.log.stat().st_size / 2**20
    deaths = 0 if server.is_alive() else 1
    lockouts = siege.lockouts + operator.lockouts + (operator.logins == 0)
    ratio, p99_ms = after_mib / before_mib, siege.p99_us / 1000
    deaths += server.close() != 0 and not deaths
    print(f"figure siege attacks={len(ATTACKS)} checkins={siege.checkins} deaths={deaths} "
          f"lockouts={lockouts} p99_ms={p99_ms:.1f} memory_mib={memory.most_mib:.0f} "
          f"memory_before_mib={before_mib:.0f} memory_ratio={ratio:.2f} logins={operator.logins} "
          f"login_max_s={operator.slowest_s:.1f} log_mib={log_mib:.1f}")
    if deaths or lockouts:
        return False
    return short or (p99_ms <= BAR_P99_MS and memory.most_mib <= BAR_MEMORY_MIB
                     and ratio <= BAR_RATIO)


def main():
    with tempfile.TemporaryDirectory(prefix="godwit-siege-") as folder:
        server = Server(folder)
        try:
            passed = play(server, "--short" in sys.argv[1:])
        finally:
            if server.is_alive():
                server.process.kill()
            if not server.is_alive() and "--keep" in sys.argv[1:]:
                print(server.log.read_text()[-3000:], file=sys.stderr)
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
