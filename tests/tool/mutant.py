"""A program of the build with one piece of one source changed: the changed copy is compiled with
the build's own command and linked in front of the libraries, so that the linker leaves the original
in its archive. test_mutants.py and test_attack_guards.py take guards out by it."""
import functools
import json
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TESTED_BUILD", ROOT / "build")).resolve()
sys.path.insert(0, str(ROOT / "tools"))

from c_source import NotFound, find_code  # noqa: E402 pylint: disable=wrong-import-position

__all__ = ["BUILD", "ROOT", "Bad", "changed_source", "compile_copy", "compile_text", "link"]


class Bad(Exception):
    """A mutant that can not be made."""


@functools.cache
def sources():
    return {str(path.relative_to(ROOT)): path.read_text() for path in ROOT.glob("src/**/*.c")}


def changed_source(function, code, becomes):
    """(path, text): the source in which the function stands, with the code of it changed."""
    try:
        path, begin, end = find_code(sources(), function, code)
    except NotFound as error:
        raise Bad(str(error)) from error
    text = sources()[path]
    return path, text[:begin] + becomes + text[end:]


def run(command, what):
    done = subprocess.run(command, cwd=BUILD, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Bad(f"{what} failed: {done.stdout}{done.stderr}")
    return done.stdout


@functools.cache
def commands():
    return {entry["file"]: entry["command"]
            for entry in json.loads((BUILD / "compile_commands.json").read_text())}


def without_ccache(words):
    return [word for word in words if word != "ccache" and not word.endswith("/ccache")]


def compile_copy(source, copy, obj):
    """Compiles a copy as the build compiles the source, without its warnings."""
    words = without_ccache(shlex.split(commands()[str(ROOT / source)]))
    for flag in ("-MF", "-MT"):
        while flag in words:
            at = words.index(flag)
            del words[at:at + 2]
    words = [word for word in words if word != "-MD"]
    words[words.index("-o") + 1] = str(obj)
    words[words.index(str(ROOT / source))] = str(copy)
    run(words + ["-w", "-O0", "-g0"], "compiling")


def compile_text(text, obj):
    """Compiles a small source of our own, under the sanitizers of the build if it has some."""
    some = shlex.split(next(iter(commands().values())))
    copy = obj.with_suffix(".c")
    copy.write_text(text)
    sanitize = [word for word in some if word.startswith("-fsanitize")]
    run(["cc", *sanitize, "-c", str(copy), "-o", str(obj)], "compiling")


def link(target, objects, program):
    """Links a target of the build anew, these objects in front of all others."""
    lines = run(["ninja", "-t", "commands", target], "asking ninja").splitlines()
    words = shlex.split(lines[-1])
    words = words[words.index("&&") + 1:]
    words = without_ccache(words[:words.index("&&")])
    at = words.index("-o")
    words[at + 1] = str(program)
    run(words[:at + 2] + [str(obj) for obj in objects] + words[at + 2:], "linking")
