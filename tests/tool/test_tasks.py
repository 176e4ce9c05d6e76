#!/usr/bin/env python3
"""wake and confirm come from any task: one steps an agent, another calls both all the time, and
ThreadSanitizer finds nothing."""
import concurrent.futures
import os
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = (ROOT / "src" / "device_sources.txt").read_text().split() + [
    "src/ports/openssl/openssl_crypto.c", "src/board/provision.c", "src/emu/flash_ram.c",
    "src/emu/flash_put.c", "tests/device/tasks.c"]
FLAGS = ["-std=gnu17", "-O1", "-g", "-fsanitize=thread", "-D_GNU_SOURCE", "-Isrc", "-Iinclude"]


def run(*command, **options):
    return subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **options)


def compile_one(folder, source):
    obj = pathlib.Path(folder, source.replace("/", "_") + ".o")
    done = run("cc", *FLAGS, "-c", source, "-o", obj)
    assert done.returncode == 0, f"{source}:\n{done.stdout}"
    return obj


def test_two_tasks():
    with tempfile.TemporaryDirectory() as folder:
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(lambda source: compile_one(folder, source), SOURCES))
        program = pathlib.Path(folder, "tasks")
        done = run("cc", *FLAGS, *objects, "-lcrypto", "-lpthread", "-o", program)
        assert done.returncode == 0, done.stdout
        done = run("setarch", "-R", program)  # a random layout is more than older ones can take
        print(done.stdout, end="")
        assert done.returncode == 0, "ThreadSanitizer found a race, or a state was not reached"


if __name__ == "__main__":
    test_two_tasks()
