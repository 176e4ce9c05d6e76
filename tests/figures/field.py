#!/usr/bin/env python3
"""What the field sends, and what must come of it: files through `inspect`, `sign` and an upload to
a real server, whole flashes through `flash`, real devices behind proxies that spoil each image.

    tests/figures/field.py                all cases
    tests/figures/field.py --case NAME    those whose name holds NAME

A file is right where all three say the one sentence with the exit status that belongs to it. A
device is right where nothing that its proxy did is booked on the release, and it is lost where it
does not run the new image once the proxy is honest. Bars: 60 cases, none wrong, none lost."""
import argparse
import concurrent.futures
import pathlib
import shlex
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/system"), str(ROOT / "tests/figures")]
import field_dumps
import field_files
import field_proxy
from fixture import GODWIT, World, wait_until

CASES_MIN, SPOILED_S, REPAIRED_S = 60, 15, 600


class Tally:
    def __init__(self):
        self.cases = self.wrong = self.lost = 0

    def take(self, name, fault):
        self.cases += 1
        self.wrong += bool(fault)
        if fault:
            print(f"wrong: {name}: {fault}; again by: tests/figures/field.py --case "
                  f"{shlex.quote(name)}", flush=True)


def command(one, *words):
    """(exit status, all that was printed)."""
    done = subprocess.run([GODWIT, *map(str, words)], capture_output=True, text=True, timeout=600,
                          env=one.environment, cwd=one.folder, errors="replace")
    return done.returncode, done.stdout + done.stderr


def judge(said, status, words):
    """None, or what is not as it should be."""
    if said[0] != status:
        return f"exit {said[0]}, not {status}: {said[1][-300:]!r}"
    if any(ord(letter) < 32 and letter not in "\n\r\t" for letter in said[1]):
        return f"a control character reached the terminal: {said[1]!r}"
    return None if words in said[1] else f"{words!r} is not in {said[1][-400:]!r}"


# ---- files

def write(one, name, data):
    path = one.folder / f"{abs(hash(name))}.file"
    path.write_bytes(data)
    return path


def run_bad(one, name, data, words):
    """The three sentences are one; a name alone can be mended on upload, so it may be signed."""
    path = write(one, name, data)
    is_name = name.startswith("names: ")
    out = path.with_suffix(".signed")
    for fault in (judge(command(one, "inspect", path), 1, words),
                  judge(command(one, "upload", path), 1, words),
                  judge(command(one, "sign", "--key", one.key(), path, out), 0 if is_name else 1,
                        words)):
        if fault:
            return fault
    return None


def run_sound(one, name, data):
    path = write(one, name, data)
    out = path.with_suffix(".signed")
    for fault in (judge(command(one, "inspect", path), 0, "Sound"),
                  judge(command(one, "sign", "--key", one.key(), path, out), 0, "signed"),
                  judge(command(one, "inspect", out), 0, "Sound: a signed application image")):
        if fault:
            return fault
    said = command(one, "upload", out)
    return judge(said, 0, "deploy it with: ") or run_printed(one, said[1])


def run_printed(one, said):
    """The command that was printed is typed as it stands: a shell hands it on as it was meant."""
    line = next(line for line in said.splitlines() if "deploy it with: godwit " in line)
    words = line.split("deploy it with: godwit ")[1]
    done = subprocess.run(["sh", "-c", f'"$0" {words}', GODWIT], capture_output=True, text=True,
                          timeout=600, env=one.environment, cwd=one.folder)
    return None if done.returncode == 0 else f"`{words}`: {done.stderr}"


def run_outside(one, image):
    """Two firmwares of a prebuilt core, which writes the same names into both."""
    core = [field_files.named(field_files.changed(image, 2000, letter), "arduino-lib-builder",
                              "esp-idf: v4.4.6 3572900934") for letter in (b"A", b"B")]
    paths = []
    for number, data in enumerate(core):
        paths.append(one.folder / f"core-{number}.bin")
        plain = write(one, f"core {number}", data)
        one.run("sign", "--key", one.key(), plain, paths[-1])
    yield "a prebuilt core", judge(command(one, "inspect", paths[0]), 0, "looks like one product")
    yield "its first upload", judge(command(one, "upload", paths[0]), 0, "looks like one product")
    yield "another in its place", judge(
        command(one, "upload", paths[1]), 0, "it replaces the image")
    said = command(one, "upload", "--product", "My Lamp", "--version", "1.0 b", paths[0])
    yield "names from outside", judge(said, 0, "deploy 'My Lamp' '1.0 b'")
    yield "a bad product from outside", judge(
        command(one, "upload", "--product", "a/b", paths[0]), 2, "holds a slash")
    yield "a bad version from outside", judge(
        command(one, "upload", "--version", "", paths[0]), 2, "is empty")
    slash = one.folder / "slash.bin"
    one.run("sign", "--key", one.key(),
            write(one, "slash", field_files.named(image, "acme/thermo", "feature/x")), slash)
    yield "names mended from outside", judge(
        command(one, "upload", "--product", "thermo", "--version", "x", slash), 0, "thermo x for")


# ---- devices behind proxies

def state_of(one, device_id):
    found = one.devices().get(device_id)
    return tuple(found.get(name) for name in ("version", "state", "reason")) if found else \
        (None, None, None)


def run_proxy(one, setting, number, mode):
    """(fault, is lost): spoils for a while, is honest afterwards."""
    device_id = f"0267770{number:05x}"
    data = one.data / "tls"
    proxy = field_proxy.Proxy(setting.port, data / "server.pem", data / "server-key.pem")
    words = list(setting.join)
    words[words.index("--server") + 1] = f"https://127.0.0.1:{proxy.port}"
    process = one.start("device", "--flash", one.folder / f"{device_id}.bin", "--image",
                        setting.first, *words, log=f"{mode}.log")
    try:
        one.wait_for(device_id, "1.0.0")
        proxy.mode = mode
        one.run("deploy", "thermostat", "1.1.0", "--to", device_id)
        wait_until(lambda: proxy.seen.get(mode), what="the first image request")
        until, fault = time.monotonic() + SPOILED_S, None
        while time.monotonic() < until and not fault:
            _, state, reason = state_of(one, device_id)
            if state == "failed":
                fault = f"booked on the release: {reason}"
            time.sleep(0.5)
        proxy.mode = "plain"
        try:
            wait_until(lambda: state_of(one, device_id)[0] == "1.1.0",
                       60 if fault else REPAIRED_S)
        except AssertionError:
            return fault or f"stays on {state_of(one, device_id)}", True
        return fault, False
    finally:
        process.kill()
        process.wait()
        proxy.close()


class Setting:
    def __init__(self, one):
        self.first = one.pack("1.0.0")
        one.run("upload", self.first)
        one.run("upload", one.pack("1.1.0"))
        self.join = one.enrolment(1000)
        self.port = int(one.url.rsplit(":", 1)[1])


def run_devices(one, wanted, tally):
    modes = [mode for mode in field_proxy.MODES if wanted in f"proxy: {mode}"]
    if not modes:
        return
    setting = Setting(one)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        waiting = {pool.submit(run_proxy, one, setting, number, mode): mode
                   for number, mode in enumerate(modes, 1)}
        for done in concurrent.futures.as_completed(waiting):
            fault, is_lost = done.result()
            tally.take(f"proxy: {waiting[done]}", fault)
            tally.lost += is_lost


# ---- all of them

def file_cases(one):
    plain = one.pack("1.0.0", key=None, project="field").read_bytes()
    signed = one.pack("1.0.0", project="field").read_bytes()
    for name, data in field_files.sound_files(plain):
        yield name, lambda name=name, data=data: run_sound(one, name, data)
    for name, data, words in field_files.bad_files(plain, signed):
        yield name, lambda name=name, data=data, words=words: run_bad(one, name, data, words)
    asks = field_files.changed(plain, field_files.DESC + 176, b"\3\0\xff\xff")
    for name, data, options, status, words in field_dumps.dumps(plain, asks):
        yield f"dump: {name}", lambda name=name, data=data, options=options, status=status, \
            words=words: judge(command(one, "flash", write(one, name, data), *options), status,
                               words)


def main():
    parser = argparse.ArgumentParser(description="figure field")
    parser.add_argument("--case", default="", metavar="NAME")
    wanted = parser.parse_args().case
    tally, one, begun = Tally(), World(), time.monotonic()
    try:
        one.serve()
        one.key()
        for name, run in file_cases(one):
            if wanted in name:
                tally.take(name, run())
        image = one.pack("1.0.0", key=None, project="field").read_bytes()
        for name, fault in run_outside(one, image):
            if wanted in name:
                tally.take(name, fault)
        run_devices(one, wanted, tally)
    finally:
        one.close()
    print(f"figure field cases={tally.cases} wrong={tally.wrong} lost_devices={tally.lost} "
          f"seconds={time.monotonic() - begun:.0f}")
    is_short = tally.cases < (1 if wanted else CASES_MIN)
    return 1 if tally.wrong or tally.lost or is_short else 0


if __name__ == "__main__":
    sys.exit(main())
