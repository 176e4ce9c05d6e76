"""A real server, real devices and the real command line on loopback, in a folder of its own."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
GODWIT = os.environ.get("GODWIT", str(ROOT / "build" / "godwit"))
ATTACK = f"{GODWIT}-attack"
PRODUCT = "thermostat"
# When a wait is a true hang; nobody waits so long for what happens, and a busy machine is slow.
HANG_S = 300


def wait_until(condition, seconds=HANG_S, what="it"):
    """The first true answer of `condition`."""
    until = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > until:
            raise AssertionError(f"{what} did not happen in {seconds} s")
        time.sleep(0.02)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class World:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="godwit-system-"))
        self.data = self.folder / "data"
        self.processes = []
        self.environment = dict(os.environ, GODWIT_DATA=str(self.data), HOME=str(self.folder),
                                XDG_CONFIG_HOME=str(self.folder / "config"),
                                GODWIT_SOAK="0", GODWIT_GATES="none")
        self.environment.pop("GODWIT_PASSWORD", None)

    def close(self):
        for process in reversed(self.processes):
            self.end(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, *words, log, prefix=()):
        environment = self.environment
        if words[0] == "serve" and os.environ.get("TESTED_ANSWERS"):  # see tests/answers
            environment = dict(environment, LD_PRELOAD=os.environ["TESTED_RECORDER"])
        with open(self.folder / log, "ab") as out:
            process = subprocess.Popen([*prefix, GODWIT, *map(str, words)], stdout=out, stderr=out,
                                       stdin=subprocess.DEVNULL, env=environment, cwd=self.folder)
        self.processes.append(process)
        return process

    def end(self, process, number=signal.SIGTERM):
        if process.poll() is None:
            process.send_signal(number)
        try:
            return process.wait(HANG_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"{process.args[1]} did not end {HANG_S} s after signal {number}")

    def text(self, log):
        path = self.folder / log
        return path.read_text(errors="replace") if path.exists() else ""

    def run(self, *words, status=0, **options):
        """One command to its end; its standard output."""
        done = subprocess.run([GODWIT, *map(str, words)], capture_output=True, text=True,
                              timeout=HANG_S, env=self.environment, cwd=self.folder, **options)
        assert done.returncode == status, (
            f"godwit {' '.join(map(str, words))}: exit {done.returncode}, not {status}\n"
            f"{done.stdout}{done.stderr}")
        return done.stdout

    def refusal(self, *words, status=1, **options):
        """A command that must fail; the one line that it says."""
        done = subprocess.run([GODWIT, *map(str, words)], capture_output=True, text=True,
                              timeout=HANG_S, env=self.environment, cwd=self.folder, **options)
        assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
        assert done.stderr.count("\n") == 1, f"not one line: {done.stderr!r}"
        assert done.stdout == "", f"a failure printed: {done.stdout!r}"
        return done.stderr.strip()

    def json(self, *words, status=0):
        return json.loads(self.run(*words, "--json", status=status))

    # ---- the server

    def serve(self, *words, log="serve.log", prefix=()):
        process = self.start("serve", "--data", self.data, "--listen", "127.0.0.1:0",
                             "--interval", 1, *words, log=log, prefix=prefix)

        def answers():
            assert process.poll() is None, "serve ended:\n" + self.text(log)
            return subprocess.run([GODWIT, "status"], capture_output=True, env=self.environment,
                                  cwd=self.folder, timeout=HANG_S).returncode == 0

        wait_until(answers, what="the server's first reply")
        return process

    @property
    def url(self):
        return json.loads((self.data / "server.json").read_text())["url"]

    # ---- images

    def key(self, name="key", scheme="ecdsa256"):
        path = self.folder / f"{name}.pem"
        if not path.exists():
            self.run("keygen", "--scheme", scheme, path)
        return path

    def pack(self, version, *options, project=PRODUCT, key="key", chip="esp32c3", size=65536):
        """A signed image (key None: unsigned)."""
        plain = self.folder / f"{project}-{version}-{chip}.plain"
        signed = self.folder / f"{project}-{version}-{chip}-{key}.bin"
        self.run("pack", "--chip", chip, "--project", project, "--version", version,
                 "--size", size, *options, plain)
        if key is None:
            return plain
        self.run("sign", "--key", self.key(key), plain, signed)
        return signed

    # ---- devices

    def enrolment(self, count=1, product=PRODUCT):
        """The options that a new device of the product needs."""
        seed = self.folder / "seed"
        self.run("claim", "policy", product, "--out", seed)
        token = self.run("claim", "add", product, "--count", count).strip()
        return ["--server", self.url, "--claim", token, "--initial-policy", seed, "--interval", 1]

    def devices(self):
        return {one["device_id"]: one for one in self.json("devices", "--all")["items"]}

    def wait_for(self, device_id, version):
        def runs():
            one = self.devices().get(device_id)
            return one and one["version"] == version and not one["on_trial"] and one

        return wait_until(runs, what=f"{device_id} on {version}")


@contextlib.contextmanager
def fixture():
    one = World()
    try:
        yield one
    except BaseException:
        for log in sorted(one.folder.glob("*.log")):
            print(f"---- {log.name}\n" + "\n".join(one.text(log.name).splitlines()[-30:]))
        raise
    finally:
        one.close()


def percents(log):
    return [int(found) for found in re.findall(r"download\s+(\d+) %", log)]


def main(tests):
    """Runs every test_* function of a module's globals, each with its time."""
    for name, test in list(tests.items()):
        if not name.startswith("test_"):
            continue
        begun = time.monotonic()
        test()
        print(f"{name}: {time.monotonic() - begun:.1f} s", flush=True)
