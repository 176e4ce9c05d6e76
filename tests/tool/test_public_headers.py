#!/usr/bin/env python3
"""The public headers of the device library (include/): each compiles alone, as C and as C++, and
brings no name without the prefix; the example in godwit.h compiles as it stands there; and a C++
application links the library and runs."""
import os
import pathlib
import re
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TESTED_BUILD", ROOT / "build"))
HEADERS = sorted((ROOT / "include").glob("*.h"))
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror", f"-I{ROOT / 'include'}"]
LANGUAGES = {"c": ["gcc", "-x", "c", "-std=c17"], "c++": ["g++", "-x", "c++", "-std=c++17"]}
STUBS = "uint64_t clock_ms(void);\nvoid sleep_until_ms(uint64_t ms);\n"


def cc(language, text, *flags):
    done = subprocess.run([*LANGUAGES[language], *STRICT, *flags, "-"], input=text, text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0, f"{language}:\n{text}\n{done.stderr}"
    return done.stdout


def check(language, text):
    cc(language, text, "-fsyntax-only")


def test_each_alone_in_both_languages():
    for header in HEADERS:
        for language in LANGUAGES:
            check(language, f'#include "{header.name}"\n#include "{header.name}"\n')


def macros(text):
    return {line.split()[1].split("(")[0] for line in cc("c", text, "-dM", "-E").splitlines()}


def test_prefixes():
    plain = macros("#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n")
    for header in HEADERS:
        new = macros(f'#include "{header.name}"\n') - plain
        assert all(name.startswith("GODWIT_") for name in new), (header.name, new)
        text = re.sub(r"/\*.*?\*/|^#.*?(?<!\\)$", "", header.read_text(), flags=re.S | re.M)
        names = re.findall(r"\b(?:struct|enum) (\w+)", text)
        names += re.findall(r"^(?:[\w *]+?)\b(\w+)\(", text, flags=re.M)
        assert names and all(name.startswith("godwit_") for name in names), (header.name, names)
        for body in re.findall(r"enum \w+ \{(.*?)\}", text, flags=re.S):
            constants = re.findall(r"^\s*(\w+)", body, flags=re.M)
            assert all(name.startswith("GODWIT_") for name in constants), (header.name, constants)


def example():
    head = (ROOT / "include/godwit.h").read_text().split("Which call")[0]
    return "\n".join(re.findall(r"^ \*     (.*)$", head, flags=re.M)) + "\n"


def test_the_example_compiles():
    text = example()
    assert "godwit_agent_step" in text, text
    for language in LANGUAGES:
        check(language, f'#include "godwit.h"\n{STUBS}{text}')


def test_an_application_in_cpp():
    libraries = [BUILD / f"libgodwit_{name}.a" for name in ("agent", "formats", "base")]
    port = next(BUILD.rglob("openssl_crypto.c.o"))
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder, "application")
        done = subprocess.run(
            ["g++", "-std=c++17", *STRICT, ROOT / "tests/device/application.cpp", *libraries, port,
             "-lcrypto", "-o", program], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert subprocess.run([program], check=False).returncode == 0


if __name__ == "__main__":
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
