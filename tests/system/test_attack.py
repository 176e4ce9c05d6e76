"""`godwit-attack --listen` against a board that comes over the network: `godwit device` plays it.
Then the same with a board whose agent has a guard out, which must be found out over the network
too."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

from fixture import ATTACK, GODWIT, HANG_S, ROOT, free_port, main, wait_until

sys.path.insert(0, str(ROOT / "tests" / "tool"))
import test_attack_guards as guards  # pylint: disable=wrong-import-position

CASES = ("honest-update", "code-own-key", "older-7", "freeze-unsigned", "flood-body",
         "flood-headers", "listen-redirect-plain")


@contextlib.contextmanager
def attack(folder, cases, device=GODWIT):
    """The listener and a board; yields the listener's process and its output file."""
    words = [word for case in cases for word in ("--case", case)]
    out = folder / "attack.txt"
    with out.open("w") as log, (folder / "device.txt").open("w") as device_log:
        listener = subprocess.Popen([ATTACK, "--listen", "127.0.0.1:0", "--dir",
                                     folder / "join", *words], stdout=log, stderr=log)
        board = None
        try:
            wait_until(lambda: "waiting for the board" in out.read_text(), what="a listener")
            url = re.search(r"^server +(\S+)$", out.read_text(), re.M)[1]
            join = folder / "join"
            board = subprocess.Popen([device, "device", "--flash", folder / "026777000001.bin",
                                      "--server", url, "--claim", (join / "claim").read_text(),
                                      "--initial-policy", join / "policy.bin",
                                      "--image", join / "first.bin"],
                                     stdout=device_log, stderr=device_log)
            yield listener, out
        finally:
            for process in filter(None, (board, listener)):
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                process.wait(HANG_S)


def test_own_device_holds():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        with attack(folder, CASES) as (listener, out):
            status = listener.wait(HANG_S)
        text = out.read_text()
        assert status == 0, text
        assert "the board has joined and runs 1.0.0" in text, text
        for case in CASES:
            assert re.search(rf"^  held +{case} ", text, re.M), text
            assert re.search(rf"^\d of {len(CASES)}  held +{case}$", text, re.M), text
        assert "who attacks: N network, M mirror, S server" in text, text
        assert text.rstrip().endswith("accepted=0 failed=0"), text
        told = (folder / "device.txt").read_text()
        for reason in ("signature-key", "instruction-signature", "below-rollback-floor",
                       "body-differs"):
            assert f"({reason})" in told, told
        assert oct(os.stat(folder / "join" / "ca-key.pem").st_mode)[-3:] == "600"


def test_the_page_as_it_stands():
    """The two commands of docs/SECURITY.md, the second while the first waits."""
    page = (ROOT / "docs" / "SECURITY.md").read_text()
    first, second = re.findall(r"^\$ (godwit.*)$", page, re.M)
    with tempfile.TemporaryDirectory() as name:
        folder, port = pathlib.Path(name), str(free_port())
        path = f"{pathlib.Path(GODWIT).resolve().parent}:" + os.environ["PATH"]
        out = folder / "attack.txt"
        processes = []
        try:
            for line in (first, second):
                with out.open("a") as log:
                    processes.append(subprocess.Popen(
                        ["bash", "-c", "exec " + line.replace("9443", port)], stdout=log,
                        stderr=log, cwd=folder, env=dict(os.environ, PATH=path)))
                wait_until(lambda: "waiting for the board" in out.read_text(), what="a listener")
            assert processes[0].wait(HANG_S) == 0, out.read_text()
            assert out.read_text().count("  held ") >= 2, out.read_text()
        finally:
            for process in processes:
                process.terminate()
                process.wait(HANG_S)


def test_guard_out_is_caught():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        mutant = guards.build_mutant(folder, "signatures", "godwit")
        with attack(folder, ["code-own-key"], mutant) as (listener, out):
            status = listener.wait(HANG_S)
        text = out.read_text()
        assert status == 1 and re.search(r"^  ACCEPTED +code-own-key ", text, re.M), text


def test_refuses_to_begin():
    """What it can not do it says, and makes nothing."""
    for words, said in ((["--listen", "127.0.0.1:0"], "--listen wants --dir DIR"),
                        (["--case", "no-such"], "there is no such case"),
                        (["--attack", "16"], "--attack is 0 to 15"),
                        (["--medley", "0"], "--medley is how many sequences"),
                        (["--medley", "1", "--listen", "127.0.0.1:0", "--dir", "x"],
                         "leave --listen out"),
                        (["--seed", "3"], "--seed is for --medley"),
                        (["--dir", "x"], "are for --listen"),
                        (["--host", "x"], "are for --listen"),
                        (["--image", "x"], "are for --listen")):
        done = subprocess.run([ATTACK, *words], capture_output=True, text=True)
        assert done.returncode == 2 and said in done.stderr, done.stderr
    with tempfile.TemporaryDirectory() as folder:
        image = pathlib.Path(folder) / "image.bin"
        image.write_bytes(b"\x7fELF" + bytes(8192))
        done = subprocess.run([ATTACK, "--listen", "127.0.0.1:0", "--dir",
                               f"{folder}/join", "--image", image], capture_output=True, text=True)
        assert done.returncode == 1 and "not an ESP32 application image" in done.stderr, done.stderr


if __name__ == "__main__":
    main(globals())
