"""`make run` and `make demo` as a newcomer sees them: the commands that are printed work
unattended, nothing is left running, a second run goes on with the same data."""

import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

from fixture import GODWIT, HANG_S, ROOT, main, wait_until


def session_of(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[3])
    except (OSError, IndexError):
        return None


def left_in(session):
    return [int(entry) for entry in os.listdir("/proc")
            if entry.isdigit() and session_of(entry) == session]


class Run:
    """tools/run.sh in a session of its own."""

    def __init__(self, folder):
        self.environment = dict(os.environ, GODWIT=GODWIT, GODWIT_DATA=f"{folder}/godwit-data",
                                GODWIT_LISTEN="127.0.0.1:0", HOME=folder)
        self.log = open(f"{folder}/run.log", "a+", encoding="utf-8")
        self.begun = self.log.seek(0, 2)
        self.process = subprocess.Popen(["tools/run.sh"], cwd=ROOT, env=self.environment,
                                        stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, start_new_session=True)

    def text(self):
        self.log.seek(self.begun)
        return self.log.read()

    def commands(self):
        """The commands that it tells to type."""
        wait_until(lambda: "Ctrl-C" in self.text() or self.process.poll() is not None,
                   what="the next commands")
        return re.findall(r"^  (\S*godwit \S.*)$", self.text(), re.M)

    def end(self, number=signal.SIGINT):
        """As Ctrl-C in a terminal does it: to the whole foreground group."""
        session = self.process.pid
        os.killpg(session, number)
        self.process.wait(HANG_S)
        wait_until(lambda: not left_in(session), what="the end of every process")

    def type(self, command):
        return subprocess.run(command, shell=True, cwd=ROOT, env=self.environment, timeout=HANG_S,
                              capture_output=True, text=True)


def check(done):
    assert done.returncode == 0, (done.args, done.stdout, done.stderr)
    return done.stdout


def test_run_twice():
    with tempfile.TemporaryDirectory(prefix="godwit-run-") as folder:
        run = Run(folder)
        try:
            commands = run.commands()
            assert len(commands) == 3, run.text()
            assert "password" in run.text().lower(), "the admin password is printed"
            assert "https://127.0.0.1:" in run.text(), "the address is printed"
            wait_until(lambda: run.type(f"{GODWIT} devices --json").stdout.count('"1.0.0"') == 5,
                       what="five devices")
            for command in commands:
                check(run.type(command))
            listing = check(run.type(f"{GODWIT} devices --json"))
            assert listing.count('"version": "1.1.0"') == 5, listing
        finally:
            run.end()
        token = pathlib.Path(folder, "godwit-data", "admin-token")
        assert token.stat().st_mode & 0o777 == 0o600

        again = Run(folder)
        try:
            assert len(again.commands()) == 3, again.text()
            assert "password" not in again.text().lower(), "printed once only"
            begun = time.time()
            def back():
                seen = re.findall(r'"last_seen": (\d+)',
                                  run.type(f"{GODWIT} devices --json").stdout)
                return len(seen) == 5 and all(int(one) >= int(begun) for one in seen)
            wait_until(back, what="all five devices again")
            listing = check(run.type(f"{GODWIT} devices --json"))
            assert listing.count('"version": "1.1.0"') == 5, listing
            for command in again.commands():  # typed again they still are no error
                check(run.type(command))
        finally:
            again.end(signal.SIGTERM)


def test_second_run_on_the_same_data():
    with tempfile.TemporaryDirectory(prefix="godwit-run-") as folder:
        run = Run(folder)
        try:
            run.commands()
            second = Run(folder)
            assert second.process.wait(HANG_S) == 1
            assert not left_in(second.process.pid)
            check(run.type(f"{GODWIT} status"))
        finally:
            run.end()


def skeleton(text):
    """The lines of a demo that are the same in each run."""
    lines = [line for line in text.splitlines() if not line.startswith(("  [", "$ make"))]
    differs = r"\b[0-9a-f]{8}…|\b[0-9a-f]{16}\b|\d{4}-\S+ \S+|now|\d+ s\b( ago)?| {2,}"
    return [re.sub(differs, "~", line) for line in lines]


def test_demo():
    with tempfile.TemporaryDirectory(prefix="godwit-demo-") as folder:
        environment = dict(os.environ, GODWIT=GODWIT, TMPDIR=folder, HOME=folder)
        demo = subprocess.Popen(["tools/demo.sh"], cwd=ROOT, env=environment, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, start_new_session=True)
        out, _ = demo.communicate(timeout=HANG_S)
        assert demo.returncode == 0, out
        assert not left_in(demo.pid)
        assert not os.listdir(folder), "its data directory is gone"
    assert "trial-panic" in out and "crashed before it was confirmed" in out, out
    shown = (ROOT / "docs" / "demo.txt").read_text()
    assert skeleton(out) == skeleton(shown), "docs/demo.txt is not what make demo prints:\n" + out


def test_demo_can_fail():
    """The demo notices when a device does not do as told."""
    with tempfile.TemporaryDirectory(prefix="godwit-demo-") as folder:
        liar = pathlib.Path(folder, "godwit")  # a packer that forgets the bad behaviour
        liar.write_text(f'#!/bin/sh\nfor w; do shift; case $w in --behaviour|crash-at-boot) ;; '
                        f'*) set -- "$@" "$w" ;; esac; done\nexec {GODWIT} "$@"\n')
        liar.chmod(0o755)
        done = subprocess.run(["tools/demo.sh"], cwd=ROOT, timeout=HANG_S, capture_output=True,
                              text=True, env=dict(os.environ, GODWIT=str(liar), TMPDIR=folder))
        assert done.returncode == 1, done.stdout + done.stderr
        assert "not as expected" in done.stderr


if __name__ == "__main__":
    main(globals())
