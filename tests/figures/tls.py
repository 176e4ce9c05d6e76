#!/usr/bin/env python3
"""SCORECARD's D15: a real server, real devices, and between them every TLS peer that is not what it
should be: wrong dates, names, CAs and protocols, each handshake record cut, torn and flipped, tiny
fragments, stalls, garbage, ends without a close notify, and the change of the CA from first to
last.

    tests/figures/tls.py                  all cases
    tests/figures/tls.py --case NAME      those whose name holds NAME, with each device's words
    tests/figures/tls.py --list           the names

A case is judged by what the device said and kept and by what the front saw. `answered`: at once,
and nothing was unanswered. `refused`: unanswered and asked again each time, nothing kept meanwhile,
and answered by the first honest connection. Certificates are made by `cryptography`, which comes
with esptool into the test environment."""
import argparse
import concurrent.futures
import functools
import os
import pathlib
import shlex
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
if "TESTED_TLS_VENV" not in os.environ:
    venv = subprocess.run(["sh", str(ROOT / "tests/venv.sh")], capture_output=True, text=True,
                          check=True).stdout.strip()
    os.execve(f"{venv}/bin/python", [f"{venv}/bin/python", *sys.argv],
              dict(os.environ, TESTED_TLS_VENV=venv))

sys.path[:0] = [str(ROOT / "tests/system"), str(ROOT / "tests/figures")]
import tls_ca
import tls_certs
import tls_front as front
from tls_front import TO_DEVICE, TO_SERVER
from fixture import GODWIT, World, wait_until

CASES_MIN, AT_ONCE = 150, 24
HELLO_REQUEST = b"\x16\3\3\0\4\0\0\0\0"
EVERY = 1 << 30  # spoils every connection


class Case:
    def __init__(self, name, end, spoil, spoiled=1, *, host="127.0.0.1", seconds=40,
                 requests=None, environment=None):
        self.name, self.end, self.spoil, self.spoiled = name, end, spoil, spoiled
        self.host, self.seconds, self.requests = host, seconds, requests
        self.environment = environment or {}


# ---- the handshake, record by record ----

def harm(direction, number, how):
    """The rule that spoils one record."""
    def rule(_, at, count, header, payload):
        if (at, count) != (direction, number):
            return [header + payload]
        if how == "flipped":
            middle = len(payload) // 2
            return [header + payload[:middle] + bytes([payload[middle] ^ 1]) +
                    payload[middle + 1:]]
        torn = (header + payload)[:5 + len(payload) // 2] if how == "torn" else b""
        raise front.Cut({"torn": "reset", "cut": "reset"}.get(how, how), torn)
    return rule


def split(direction, kinds=(22,)):
    """Plaintext handshake records as records of one byte each."""
    hidden = [False, False]

    def rule(_, at, __, header, payload):
        whole = [header + payload]
        hidden[at] = hidden[at] or header[0] == 20  # behind ChangeCipherSpec it is ciphertext
        if at != direction or hidden[at] or header[0] not in kinds:
            return whole
        return [header[:3] + b"\0\1" + payload[i:i + 1] for i in range(len(payload))]
    return rule


def drip(direction, pause_s=0):
    """TCP segments of one byte."""
    def rule(_, at, __, header, payload):
        for byte in header + payload if at == direction else ():
            if pause_s:
                time.sleep(pause_s)
            yield bytes([byte])
        if at != direction:
            yield header + payload
    return rule


def before(direction, number, data):
    """Puts bytes in front of a record."""
    def rule(_, at, count, header, payload):
        return [*([data] if (at, count) == (direction, number) else []), header + payload]
    return rule


def count_journals(setting, port):
    """How many records each way make a first check-in: [to the server, to the device]."""
    counts = [0, 0]

    def rule(_, direction, __, header, payload):
        counts[direction] += 1
        return [header + payload]
    case = Case("count", "answered", front.by_journal(port, rule), EVERY)
    seen = []
    fault = run_case(setting, case, lambda: seen.append(list(counts)))
    if fault:
        sys.exit(f"figure tls: the plain way fails: {fault}")
    return seen[0]


def journal_cases(setting, name, port):
    counts = count_journals(setting, port)
    for direction, word in ((TO_SERVER, "to the server"), (TO_DEVICE, "to the device")):
        for number in range(counts[direction]):
            for how in ("cut", "fin", "torn", "flipped"):
                yield Case(f"{name} record {number} {word} {how}", "refused",
                           front.by_journal(port, harm(direction, number, how)))


def stream_cases(setting, tls12):
    yield Case("silence", "refused", front.raw(b"", "wait"), seconds=60)
    for name, port in (("TLS 1.3", None), ("TLS 1.2", tls12)):
        by = functools.partial(front.by_journal, port)
        yield Case(f"{name} stall behind the first record", "refused",
                   by(harm(TO_DEVICE, 1, "stall")), seconds=60)
        yield Case(f"{name} one byte a second", "refused", by(drip(TO_DEVICE, 1)), seconds=60)
        for direction, word in ((TO_SERVER, "to the server"), (TO_DEVICE, "to the device")):
            yield Case(f"{name} fragments of one byte {word}", "answered",
                       front.by_journal(port, split(direction)))
            yield Case(f"{name} segments of one byte {word}", "answered",
                       front.by_journal(port, drip(direction)))
        for what, data in (("an empty handshake record", b"\x16\3\3\0\0" * 100),
                           ("warnings", b"\x15\3\3\0\2\1\x5a" * 1000),
                           ("ChangeCipherSpecs", b"\x14\3\3\0\1\1" * 1000),
                           ("a fatal alert", b"\x15\3\3\0\2\2\x28"),
                           ("a closing alert", b"\x15\3\3\0\2\1\0"),
                           ("application data", b"\x17\3\3\0\5hello"),
                           ("a heartbeat", b"\x18\3\3\0\3\1\x40\0")):
            yield Case(f"{name} {what} first", "refused", by(before(TO_DEVICE, 0, data)))
            yield Case(f"{name} {what} second", "refused", by(before(TO_DEVICE, 1, data)))
        # TLS 1.2 says that who is in a handshake ignores it.
        yield Case(f"{name} requests to renegotiate first", "answered",
                   front.by_journal(port, before(TO_DEVICE, 0, HELLO_REQUEST * 100)))
        yield Case(f"{name} requests to renegotiate second", "refused" if not port else "answered",
                   front.by_journal(port, before(TO_DEVICE, 1, HELLO_REQUEST * 100)))
    yield Case("stall before the reply", "refused",
               front.by_journal(None, harm(TO_DEVICE, setting.answer, "stall")), seconds=80)


def garbage_cases():
    rows = {
        "nothing": b"", "zeros": bytes(70000), "ones": b"\xff" * 70000,
        "plain HTTP": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "SSH": b"SSH-2.0-OpenSSH_9.2\r\n", "a record too long": b"\x16\3\3\xff\xff" + bytes(65535),
        "an empty record": b"\x16\3\3\0\0", "half a header": b"\x16\3",
        "version 9": b"\x16\x09\0\0\x05hello", "SSL 2": b"\x80\x2e\x01\x00\x02" + bytes(41),
        "a hello too long": b"\x16\3\3\0\4\2\xff\xff\xff" + bytes(1000),
        "a megabyte": os.urandom(1 << 20),
    }
    for name, data in rows.items():
        yield Case(f"garbage: {name}", "refused", front.raw(data), 2)
    yield Case("garbage: its own hello", "refused", front.raw(lambda hello: hello), 2)
    yield Case("garbage: reset", "refused", front.raw(b"", "reset"), 2)


# ---- certificates and protocols ----

def certificate_cases(certs):
    for name, is_believed, context, extra in tls_certs.rows(certs):
        if is_believed:
            yield Case(name, "answered", front.shows(context), EVERY, **extra)
        else:
            yield Case(name, "refused", front.shows(context), 2, requests=0, **extra)


def line_with(words, lines):
    for line in lines:
        if words in line:
            return line
    raise ValueError(f"s_server ended without {words}")


def renegotiation_case(setting):
    """openssl s_server asks for a new handshake as soon as it has the request."""
    def spoil(one, sock, _):
        chain, key = setting.chain, setting.key
        with subprocess.Popen(["openssl", "s_server", "-accept", "127.0.0.1:0", "-tls1_2",
                               "-cert", chain, "-key", key, "-cert_chain", chain, "-naccept", "1"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT) as server:
            # "ACCEPT 127.0.0.1:40001"
            number = int(line_with(b"ACCEPT", server.stdout).rsplit(b":", 1)[1])
            hellos = []

            def watch(_, direction, __, header, payload):
                if direction == TO_SERVER and header[0] == 22:
                    hellos.append(time.monotonic())
                return [header + payload]
            threading.Thread(target=front.by_journal(number, watch), args=(one, sock, 0),
                             daemon=True).start()
            line_with(b"POST /v1/checkin", server.stdout)
            asked = time.monotonic()
            server.stdin.write(b"r\n")
            server.stdin.flush()
            try:
                server.wait(3)  # declined, it gives up, or waits for ever
            except subprocess.TimeoutExpired:
                server.kill()
            if any(at > asked for at in hellos):
                one.requests += 1  # it began a second handshake
    return Case("TLS 1.2 renegotiation asked for", "refused", spoil, 2, requests=0)


# ---- the end of a reply ----

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"


def end_cases(setting):
    def length(body):
        return HEAD + b"Content-Length: %d\r\n\r\n" % len(body)

    def chunk(body):
        return HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n"

    rows = [
        ("by its length, whole", "answered", True, lambda body: length(body) + body),
        ("by its length, whole", "answered", False, lambda body: length(body) + body),
        ("by its length, half", "refused", True, lambda body: length(body) + body[:200]),
        ("by its length, half", "refused", False, lambda body: length(body) + body[:200]),
        ("by the connection's end, whole", "refused", True, lambda body: HEAD + b"\r\n" + body),
        ("by the connection's end, whole", "refused", False, lambda body: HEAD + b"\r\n" + body),
        ("by the connection's end, half", "refused", False,
         lambda body: HEAD + b"\r\n" + body[:200]),
        ("in chunks, whole", "answered", False, lambda body: chunk(body) + b"0\r\n\r\n"),
        ("in chunks, without the last", "refused", True, chunk),
        ("in chunks, without the last", "refused", False, chunk),
        ("head only", "refused", False, lambda body: length(body)),
        ("half a head", "refused", False, lambda body: HEAD[:30]),
    ]
    for what, end, is_proper, make in rows:
        def write(tls, _, body, make=make, is_proper=is_proper):
            tls.sendall(make(body))
            front.close_notify(tls, is_proper)
        yield Case(f"answer {what}, {'with' if is_proper else 'without'} a close notify", end,
                   front.answers(setting.context, write), 2 if end == "refused" else EVERY)

    def write_bytes(tls, _, body):
        for byte in length(body) + body:
            tls.send(bytes([byte]))
        front.close_notify(tls, True)
    yield Case("answer in TLS records of one byte", "answered",
               front.answers(setting.context, write_bytes), EVERY)


# ---- one case ----

class Setting:
    """The server of most cases, and what its devices need."""

    def __init__(self):
        self.world = World()
        self.world.serve()
        self.first = self.world.pack("1.0.0")
        self.world.run("upload", self.first)
        self.join = self.world.enrolment(10000)
        self.port = int(self.world.url.rsplit(":", 1)[1])
        self.chain, self.key = (str(self.world.data / "tls" / name)
                                for name in ("server.pem", "server-key.pem"))
        self.context = front.server_context(self.chain, self.key)
        self.tls12 = front.Front(self.port, front.shows(front.server_context(
            self.chain, self.key, high=front.ssl.TLSVersion.TLSv1_2)), EVERY)
        self.lock, self.devices, self.answer = threading.Lock(), 0, 0

    def device(self, host, port, environment):
        with self.lock:
            self.devices += 1
            mac = f"0267770{self.devices:05x}"
        flash, log = self.world.folder / f"{mac}.bin", f"{mac}.log"
        words = list(self.join)
        words[words.index("--server") + 1] = f"https://{host}:{port}"
        with open(self.world.folder / log, "ab") as out:
            process = subprocess.Popen(
                [GODWIT, "device", "--flash", flash, "--image", self.first,
                 *map(str, words)], stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                cwd=self.world.folder, env=dict(self.world.environment, **environment))
        return process, flash, log


BAD_WORDS = ("not installed", "rolled back", "nothing in this flash", "trial")


def judge(case, one, text, process):
    """None, or what was not as it should be."""
    if process.poll() is not None:
        return f"the device ended with {process.returncode}"
    if any(word in text for word in BAD_WORDS):
        return "the device did more than ask"
    if "enrolled" not in text:
        return "the device never came in"
    if case.requests is not None and one.requests != case.requests:
        return f"a peer that must be refused saw {one.requests} requests"
    if len(set(one.records)) > 1:
        return "something was kept of a refused peer"
    unanswered = text.find("no reply") >= 0
    if case.end == "answered":
        return "a reply was refused" if unanswered else None
    if not unanswered or text.find("no reply") > text.find("enrolled"):
        return "it was not refused"
    return None if one.connections > case.spoiled else "it was not asked again"


def run_case(setting, case, then=None):
    one = front.Front(setting.port, case.spoil, case.spoiled)
    process, one.flash, log = setting.device(case.host, one.port, case.environment)
    text = ""
    until = time.monotonic() + case.seconds
    while time.monotonic() < until and process.poll() is None:
        text = setting.world.text(log)
        if "enrolled" in text:
            break
        time.sleep(0.05)
    if then:
        then()
    text = setting.world.text(log)
    fault = judge(case, one, text, process)
    process.kill()
    process.wait()
    one.close()
    one.flash.unlink(missing_ok=True)
    if fault or "--case" in sys.argv:
        fault_notes = "; ".join(one.notes[:4])
        print(f"---- {case.name}: {case.end}; {one.connections} connections, {one.handshakes} "
              f"handshakes, {one.requests} requests. {fault_notes}\n{text}", end="", flush=True)
    return fault


# ---- all of them ----

def all_cases(setting, certs):
    counted = count_journals(setting, None)
    setting.answer = counted[TO_DEVICE] - 1
    yield from stream_cases(setting, setting.tls12.port)
    yield renegotiation_case(setting)
    yield from certificate_cases(certs)
    yield from end_cases(setting)
    yield from garbage_cases()
    yield from journal_cases(setting, "TLS 1.3", None)
    yield from journal_cases(setting, "TLS 1.2", setting.tls12.port)


class Tally:
    def __init__(self):
        self.cases = self.wrong = 0
        self.begun = self.said = time.monotonic()

    def take(self, name, fault):
        self.cases += 1
        self.wrong += bool(fault)
        if fault:
            print(f"wrong: {fault}; again by: tests/figures/tls.py --case {shlex.quote(name)}",
                  flush=True)
        now = time.monotonic()
        if now - self.said > 10:
            self.said = now
            print(f"tls: {self.cases} cases, {self.wrong} wrong, {now - self.begun:.0f} s",
                  flush=True)


def run_all(setting, cases, wanted, tally):
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE + 1) as pool:
        story = pool.submit(lambda: list(tls_ca.story(wanted)))
        waiting = {pool.submit(run_case, setting, case): case for case in cases}
        for done in concurrent.futures.as_completed(waiting):
            tally.take(waiting[done].name, done.result())
        for name, fault in story.result():
            tally.take(name, fault)


def main():
    parser = argparse.ArgumentParser(description="figure tls")
    parser.add_argument("--case", default="", metavar="NAME")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    tally = Tally()
    setting = Setting()
    try:
        wait_until(lambda: setting.world.json("status"), what="the server")
        certs = tls_certs.Certs(setting.world.data / "tls", setting.world.folder / "certs")
        cases = list(all_cases(setting, certs))
        if options.list:
            print("\n".join([case.name for case in cases] + tls_ca.NAMES))
            return 0
        run_all(setting, [case for case in cases if options.case in case.name], options.case,
                tally)
    finally:
        setting.world.close()
    is_all = not options.case
    print(f"figure tls cases={tally.cases} wrong={tally.wrong} "
          f"seconds={time.monotonic() - tally.begun:.0f}")
    return 1 if tally.wrong or not tally.cases or (is_all and tally.cases < CASES_MIN) else 0


if __name__ == "__main__":
    sys.exit(main())
