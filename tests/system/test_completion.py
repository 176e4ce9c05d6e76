"""Completion of filters as people meet it: real shells on a terminal, to which keys are typed, with
a server, without one, and with one that never answers. What a device says of itself is never more
than text to them."""

import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import time

import fixture
from fixture import GODWIT

ONE, TWO = "026777000001", "026777000002"
READY = "READY%"
TAB = "\t"


def shown(text):
    """As a terminal shows it: what comes behind a backspace is written over what was there."""
    out = []
    for c in text:
        if c != "\b":
            out.append(c)
        elif out:
            out.pop()
    return "".join(out)


def environment(world):
    return dict(world.environment, PATH=f"{os.path.dirname(GODWIT)}:{os.environ['PATH']}")


class Shell:
    """A shell on a terminal of its own, in whose completions godwit's are read."""

    def __init__(self, world, words, setup):
        self.pid, self.terminal = pty.fork()
        if not self.pid:
            os.chdir(world.folder)
            prompt = READY.replace("%", "%%") if words[0] == "zsh" else READY
            os.environ.update(environment(world), TERM="dumb", PS1=prompt, LC_ALL="C.UTF-8")
            os.execvp(words[0], words)
        self.seen = ""
        self.wait(READY)
        self.line(setup)

    def read(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not select.select([self.terminal], [], [], 0.05)[0]:
                continue
            try:
                new = os.read(self.terminal, 65536).decode(errors="replace")
            except OSError:
                return
            self.seen += new.replace("\a", "")
            end = max(end, time.monotonic() + 0.2)

    def wait(self, text, seconds=20):
        end = time.monotonic() + seconds
        while text not in shown(self.seen):
            assert time.monotonic() < end, (text, self.seen)
            self.read(0.05)

    def line(self, text):
        self.seen = ""
        os.write(self.terminal, (text + "\n").encode())
        self.wait("\n")
        self.wait(READY)
        return self.seen

    def keys(self, text, expected):
        """Types, and expects to see the line so; then it is thrown away. Returns all that came."""
        self.seen = ""
        os.write(self.terminal, text.encode())
        self.wait(expected)
        self.read(0.5)
        assert "godwit: " not in self.seen and "rror" not in self.seen, self.seen
        seen = shown(self.seen)
        os.write(self.terminal, b"\x15")
        self.read(0.2)
        return seen

    def close(self):
        os.close(self.terminal)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def begin(world):
    world.serve()
    world.run("upload", world.pack("1.0.0"))
    world.start("fleet", "--count", 2, "--dir", "none", "--mac", ONE, "--image",
                world.pack("1.0.0"), *world.enrolment(2), "--attributes",
                "room=2 evil=$(touch${IFS}owned);touch`x`", log="fleet.log")
    world.wait_for(ONE, "1.0.0")
    world.run("tag", ONE, "site=Berlin", "beta")
    world.run("name", ONE, "Kitchen left")


def completed(world, text, *words, **more):
    """What the program itself says to a shell: always well, never a word of complaint, in time."""
    begun = time.monotonic()
    done = subprocess.run([GODWIT, "devices", f"--complete={text}", *map(str, words)],
                          capture_output=True, text=True, timeout=60, cwd=world.folder,
                          env=dict(world.environment, **more))
    assert done.returncode == 0 and done.stderr == "", done
    took = time.monotonic() - begun
    return [line.split("\t")[0] for line in done.stdout.splitlines()], took


def check_program(world):
    assert completed(world, "sta")[0] == ["state:"]
    assert completed(world, "state:failed -tag:site=")[0] == ["state:failed -tag:site=Berlin"]
    assert completed(world, "name:")[0] == ['name:"Kitchen left"']
    assert completed(world, "product:")[0] == ["product:thermostat"]
    assert completed(world, "version:>=1")[0] == ["version:>=1.0.0"]
    assert completed(world, "tag:dev.")[0] == ["tag:dev.room=2"]  # and not what a shell would run
    assert completed(world, "x" * 2000)[0] == completed(world, "a\nb")[0] == []
    assert len(completed(world, "")[0]) > 10


def check_without_server(world):
    """Without a server, with one that refuses, with one that takes connections and is silent."""
    nowhere = {"GODWIT_DATA": str(world.folder / "nowhere")}
    assert completed(world, "sta", **nowhere)[0] == ["state:"]
    assert completed(world, "state:fai", **nowhere)[0] == ["state:failed"]
    assert completed(world, "product:", **nowhere)[0] == []
    assert completed(world, "sta", "--server", "http://x")[0] == ["state:"]
    assert completed(world, "sta", "--ca", "/nowhere")[0] == ["state:"]
    assert completed(world, "sta", "--server", world.url, **nowhere)[0] == ["state:"]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        found, took = completed(world, "state:fai", "--server", url)
        assert found == ["state:failed"] and 0.8 < took < 5, took  # 0.9 s, on a busy machine more


def scripts(world):
    for name in ("bash", "zsh", "fish"):
        path = world.folder / f"complete.{name}"
        path.write_text(world.run("help", f"--as={name}"))


def check_bash(world):
    shell = Shell(world, ["bash", "--norc", "--noprofile", "-i"], "source ./complete.bash")
    shell.keys("godwit devices sta" + TAB, "devices state:")
    shell.keys("godwit devices -state:fai" + TAB, "-state:failed")
    shell.keys("godwit devices 'sta" + TAB, "'state:")
    shell.keys("godwit devices 'state:failed tag:site=" + TAB, "tag:site=Berlin'")
    shell.keys('godwit devices "name:Kit' + TAB, r'"name:\"Kitchen left\"')
    shell.keys("godwit devices name:Kit" + TAB, r'name:\"Kitchen\ left\"')
    shell.keys("godwit deploy thermostat 1.0.0 --to product:ther" + TAB, "product:thermostat")
    shell.keys("godwit deploy thermostat 1.0.0 --to=product:ther" + TAB, "product:thermostat")
    shell.keys("godwit tag prod" + TAB, "tag product:")
    shell.keys(f"godwit devices --server {world.url} product:ther" + TAB, "product:thermostat")
    shell.keys("godwit devices --wat" + TAB, "--watch")
    shell.keys("godwit devices --sort complete." + TAB + TAB, "complete.zsh")
    for line in ("godwit devices $(touch owned) sta", "godwit devices `touch owned` 'sta",
                 "godwit devices \"$(touch owned)"):
        shell.keys(line + TAB, "owned")
    shell.keys("godwit devices tag:dev." + TAB + TAB, "dev.room=2")
    shell.line("export GODWIT_DATA=nowhere")
    shell.keys("godwit devices sta" + TAB, "devices state:")
    shell.keys("godwit devices product:t" + TAB + TAB, "product:t")
    shell.close()
    assert not list(world.folder.glob("owned*")) and not (world.folder / "x").exists()


def check_zsh(world):
    if not shutil.which("zsh"):
        return
    setup = "autoload -U compinit; compinit -u -D; source ./complete.zsh; " \
            "compdef _godwit godwit"
    shell = Shell(world, ["zsh", "-f", "-i"], setup)
    shell.keys("godwit devices sta" + TAB, "devices state:")
    shell.keys("godwit devices 'state:failed tag:site=" + TAB, "tag:site=Berlin")
    shell.keys("godwit deploy thermostat 1.0.0 --to product:ther" + TAB, "product:thermostat")
    shell.close()


def check_fish(world):
    if not shutil.which("fish"):
        return
    line = "source complete.fish; complete -C 'godwit {}'"

    def lines(text):
        return subprocess.run(["fish", "--no-config", "-c", line.format(text)], text=True,
                              capture_output=True, check=True, cwd=world.folder, timeout=60,
                              env=environment(world)).stdout

    assert lines("devices sta").startswith("state:\t"), lines("devices sta")
    assert lines("devices tag:site=").strip() == "tag:site=Berlin"
    assert lines("deploy a 1 --to product:").strip() == "product:thermostat"


def test_completion():
    with fixture.fixture() as world:
        begin(world)
        scripts(world)
        check_program(world)
        check_without_server(world)
        check_bash(world)
        check_zsh(world)
        check_fish(world)


if __name__ == "__main__":
    print(GODWIT)
    fixture.main(globals())
