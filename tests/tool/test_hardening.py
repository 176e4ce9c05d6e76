"""The built programs are hardened as CMakeLists.txt asks: readelf shows it in their files, for a
flag that is passed and has no effect would be missed elsewhere. The rows must refuse a program
that is built without."""
import os
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TESTED_BUILD", ROOT / "build"))
PLAIN = ["-O2", "-no-pie", "-U_FORTIFY_SOURCE", "-fno-stack-protector", "-Wl,-z,norelro",
         "-Wl,-z,lazy", "-Wl,-z,execstack"]
SOURCE = "#include <string.h>\nint main(int n, char **v) { char a[9]; strcpy(a, v[n - 1]); " \
         "return a[0]; }\n"


def stack_flags(text):
    return next(line.split()[-2] for line in text.splitlines() if "GNU_STACK" in line)


# what: whether readelf's text shows it
ROWS = {
    "position independent": lambda text: "Type: DYN (Position-Independent Executable" in text,
    "relocations read-only": lambda text: "GNU_RELRO" in text,
    "bound at the start": lambda text: "BIND_NOW" in text,
    "stack without code": lambda text: "E" not in stack_flags(text),
    "stack protector": lambda text: "__stack_chk_fail" in text,
    "fortified": lambda text: "__memcpy_chk" in text or "__strcpy_chk" in text,
}


def read(program):
    """Header, segments, dynamic section and its symbols, with single spaces."""
    done = subprocess.run(["readelf", "-W", "-h", "-l", "-d", "--dyn-syms", str(program)],
                          capture_output=True, text=True, check=True)
    return "\n".join(" ".join(line.split()) for line in done.stdout.splitlines())


def missing(program):
    text = read(program)
    return [what for what, is_shown in ROWS.items() if not is_shown(text)]


def main():
    with tempfile.TemporaryDirectory() as folder:
        plain = pathlib.Path(folder, "plain")
        subprocess.run(["cc", *PLAIN, "-w", "-xc", "-", "-o", str(plain)], input=SOURCE, text=True,
                       check=True)
        assert missing(plain) == list(ROWS), f"a plain program misses only {missing(plain)}"
    for name in ("godwit", "godwit-attack"):
        assert not missing(BUILD / name), f"{name} is not {', '.join(missing(BUILD / name))}"
    print(f"both programs: {', '.join(ROWS)}")


if __name__ == "__main__":
    main()
