"""docs/TOUR.md typed as it stands: every `$` line in a console block, in order.

A command whose block shows a line `godwit: …` or `… failed: …` behind it must exit 1, every other
one 0. Where the block shows output, its first line must come, digests, ports and seconds aside.
`serve`, `device` and `fleet` stay in the background until `^C` or the end; of `fleet` the last
shown line must come."""

import pathlib
import re
import signal
import subprocess
import time

from fixture import GODWIT, HANG_S, ROOT, fixture, free_port, main, wait_until

STAYING = ("godwit serve", "godwit device ", "godwit fleet ")


def commands():
    """(command, shown lines) of each console block."""
    text = (ROOT / "docs" / "TOUR.md").read_text()
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.M | re.S):
        for line in block.splitlines():
            if line.startswith("$ ") or line == "^C":
                found.append((line.removeprefix("$ "), []))
            else:
                found[-1][1].append(line)
    return found


def shape(line):
    """A line without what differs from run to run."""
    return re.sub(r"\b[0-9a-f]{8,}|\b[0-9]+\.[0-9] s|:[0-9]{4,5}\b|[#.]{20}|/\S*", "~",
                  line).split()


class Tour:
    def __init__(self, one):
        self.one = one
        self.port = free_port()
        self.background = []
        environment = dict(one.environment)
        environment.pop("GODWIT_DATA")
        self.environment = environment
        self.folder = one.folder / "tour"

    def place(self, command):
        """The command with our port and folder in place of those of the text."""
        command = command.replace("godwit serve", f"godwit serve --listen 127.0.0.1:{self.port}")
        return command.replace("8443", str(self.port)).replace("/tmp/godwit-tour",
                                                               str(self.folder))

    def stay(self, command, shown):
        log = self.one.folder / f"tour-{len(self.background)}.log"
        with open(log, "wb") as out:
            process = subprocess.Popen(["bash", "-c", "exec " + self.place(command)], stdout=out,
                                       stderr=out, env=self.environment, cwd=self.folder)
        self.one.processes.append(process)
        self.background.append(process)
        wanted = shown[-1] if "godwit fleet" in command else shown[0]
        wait_until(lambda: shape(wanted) in map(shape, log.read_text().splitlines()), what=wanted)
        if "godwit serve" in command:
            time.sleep(0.2)

    def type(self, command, shown):
        done = subprocess.run(["bash", "-c", self.place(command)], capture_output=True, text=True,
                              env=self.environment, timeout=HANG_S,
                              cwd=self.folder if self.folder.exists() else ROOT)
        fails = any(line.startswith("godwit: ") or " failed: " in line for line in shown)
        said = done.stdout + done.stderr
        assert done.returncode == int(fails), (command, done.returncode, said)
        for line in shown[:1]:
            assert shape(line) in map(shape, said.splitlines()), f"{command}: no '{line}' in {said}"


def test_tour():
    with fixture() as one:
        tour = Tour(one)
        path = f"{pathlib.Path(GODWIT).resolve().parent}:" + tour.environment["PATH"]
        for command, shown in commands():
            if command.startswith("export PATH="):
                tour.environment["PATH"] = path
            elif command == "^C":
                one.end(tour.background.pop(), signal.SIGINT)
            elif command.startswith(STAYING):
                tour.stay(command, shown)
            else:
                tour.type(command, shown)
        assert len(commands()) > 20


if __name__ == "__main__":
    main(globals())
