"""The docs against the tree: paths, targets, commands, options, routes, reasons, figures and the
picture in the README. `test_docs.py --write` makes docs/COMMANDS.md anew from the program's help,
docs/API.md from the document that the server gives, and the tables of docs/FILTERS.md, docs/LOG.md.

What a page names must exist; what the program has must be named. Wording is not judged."""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "answers"))
from answers import load_document  # noqa: E402
from api_page import api_page  # noqa: E402

GODWIT = os.environ.get("GODWIT", str(ROOT / "build" / "godwit"))
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "examples/README.md"])
# What is made at run time, or is no path of the tree.
ELSEWHERE = re.compile(
    r"^(\.?/|text/|build|godwit-data|blobs/|uploads/|tls/|thief/|application/|bin/)")


def text_of(path):
    return (ROOT / path).read_text()


def command_help(*words):
    return subprocess.run([GODWIT, *words], capture_output=True, text=True, check=True).stdout


def commands():
    return re.findall(r"^  ([a-z]+) ", command_help("help"), re.M)


def command_page():
    """docs/COMMANDS.md as it should be."""
    attack = subprocess.run([GODWIT + "-attack", "--help"], capture_output=True, text=True,
                            check=True).stdout
    parts = ["# Commands\n\nWhat `godwit help` and `godwit COMMAND --help` print. Exit status: 0 "
             "done, 1 refused or failed (one line\non standard error says why and what to do), 2 "
             "not understood.\n\n```\n" + command_help("help") + "```\n"]
    for name in commands():
        about = command_help(name, "--help")
        parts.append(f"\n## {name}\n\n```\n{about}```\n")
        for verb in re.findall(r"^  ([a-z]+)\b", about, re.M) if " VERB" in about else ():
            parts.append(f"\n```\n{command_help(name, verb, '--help')}```\n")
    parts.append("\n## godwit-attack\n\nA program of its own: `build/godwit-attack`.\n\n"
                 f"```\n{attack}```\n")
    return "".join(parts)


def x_rows(path, macro):
    """[[argument, …], …] of a list written as a macro of X(…) rows; strings joined and unquoted."""
    lines = text_of(path).split(f"#define {macro}(X)")[1].split("\n")
    end = next(i for i, line in enumerate(lines) if not line.rstrip().endswith("\\"))
    body = " ".join(line.rstrip("\\") for line in lines[:end + 1])
    rows = []
    for row in re.findall(r'X\(((?:[^()"]|"(?:[^"\\]|\\.)*")*)\)', body):
        words = re.findall(r'((?:"(?:[^"\\]|\\.)*"\s*)+|[^,"\s][^,"]*)(?:,|$)', row)
        rows.append(["".join(re.findall(r'"((?:[^"\\]|\\.)*)"', word)) or word.strip()
                     for word in words])
    return rows


def test_paths():
    for page in PAGES:
        text = page.read_text()
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
        for path in re.findall(r"`([\w.-]+/[\w./-]*)`", text):
            if not ELSEWHERE.match(path):
                places = (ROOT / path, ROOT / "src" / path, page.parent / path)
                assert any(place.exists() for place in places), f"{page.name} names {path}"


def test_folders():
    tour = text_of("ARCHITECTURE.md")
    for folder in {path.parent for path in (ROOT / "src").rglob("*.c")}:
        name = str(folder.relative_to(ROOT / "src"))
        assert f"| `{name}` |" in tour, f"ARCHITECTURE.md has no row for src/{name}"


def test_targets():
    targets = re.findall(r"^([a-z-]+):", text_of("Makefile"), re.M)
    lines = re.search(r"^FIGURES := \\\n((?: +\w.*\n)+)", text_of("Makefile"), re.M)[1]
    figures = re.findall(r"\w+", lines)
    readme = text_of("README.md")
    for figure in figures:
        assert f"| `make figure-{figure}` |" in readme, f"README.md: figure {figure}"
    known = {*targets, "figure-NAME", *(f"figure-{name}" for name in figures)}
    for page in PAGES:
        for target in re.findall(r"`make ([a-z][\w-]*)`", page.read_text()):
            assert target in known, f"{page.name} names make {target}"


def test_commands():
    readme = text_of("README.md")
    assert len(commands()) > 10
    for name in commands():
        assert re.search(rf"`(godwit )?{name}[` ]", readme), f"README.md: command {name}"
    assert "`godwit-attack`" in readme, "README.md: godwit-attack"
    page = text_of("docs/COMMANDS.md")
    assert page.split() == command_page().split(), \
        "docs/COMMANDS.md is not what the program prints; tests/tool/test_docs.py --write mends it"


def test_routes():
    protocol = text_of("docs/PROTOCOL.md")
    routes = re.findall(r'(GET|POST|PUT|DELETE),\s*"(/[^"]+)"', text_of("src/server/routes.c"))
    assert len(routes) > 10
    for method, pattern in routes:
        shape = re.sub(r"\\\{\w+\\\}", r"[^/`\\s]+", re.escape(pattern))
        assert re.search(rf"\b{method} {shape}[`\s]", protocol), f"PROTOCOL.md: {method} {pattern}"


def test_api():
    assert text_of("docs/API.md") == api_page(load_document()), \
        "docs/API.md is not what the server says; tests/tool/test_docs.py --write mends it"


def test_problems():
    docs = text_of("docs/PROTOCOL.md") + text_of("docs/API.md")
    found = set()
    for source in (ROOT / "src/server").glob("*.c"):
        found.update(re.findall(r'problem\(\w+, \d+,\s*"([\w-]+)"', source.read_text()))
    assert len(found) > 10
    for name in found:
        assert f"`{name}`" in docs, f"routes.c, or PROTOCOL.md: problem type {name}"


def test_reasons():
    protocol = text_of("docs/PROTOCOL.md")
    reasons = x_rows("src/formats/reason.h", "GODWIT_REASONS")
    decisions = x_rows("src/fleet/decision_reason.h", "DECISION_REASONS")
    assert len(reasons) > 40 and len(decisions) > 10
    for _, number, name, sentence in reasons:
        assert f"| {number} | `{name}` | {sentence} |" in protocol, f"PROTOCOL.md: reason {name}"
    for _, name, state, sentence in decisions:
        assert f"| `{name}` | `{state}` | {sentence} |" in protocol, f"PROTOCOL.md: reason {name}"


def log_page():
    """docs/LOG.md as it should be: what is written by hand, and a row for each event."""
    rows = set()
    text = r'(?:"(?:[^"\\]|\\.)*"|\s|PRI\w+)*'
    call = re.compile(rf'GODWIT_LOG\(\s*(\w+),\s*"(\w+)",\s*({text})')
    for source in (ROOT / "src").rglob("*.c"):
        folder = source.parent.relative_to(ROOT / "src")
        for level, event, format_text in call.findall(source.read_text()):
            values = " ".join(f"`{name}`" for name in re.findall(r"(\w+)=", format_text))
            rows.add(f"| `{event}` | {level.lower()} | {values} | `{folder}` |")
    head = text_of("docs/LOG.md").split("| event |")[0]
    table = "\n".join(sorted(rows))
    return f"{head}| event | level | values | from |\n|---|---|---|---|\n{table}\n"


def test_log():
    assert text_of("docs/LOG.md") == log_page(), \
        "docs/LOG.md lacks an event of the source; test_docs.py --write mends it"


def filter_page():
    """docs/FILTERS.md as it should be: what is written by hand, and the table of fields."""
    page = text_of("docs/FILTERS.md")
    head = page[:page.index("| field | finds by |")]
    rows = [f"| `{row[1]}` | {row[4]} |".replace('\\"', '"')
            for row in x_rows("src/filter/filter.h", "FILTER_FIELDS")]
    return head + "| field | finds by |\n|---|---|\n" + "\n".join(rows) + "\n"


def test_filters():
    assert text_of("docs/FILTERS.md") == filter_page(), \
        "docs/FILTERS.md lacks a field of src/filter/filter.h; test_docs.py --write mends it"


def test_behaviours():
    """Each kind stands with its number in FORMATS.md, and in BOOT.md where it is no healthy one."""
    names = re.findall(r'\[BEHAVIOUR_\w+\] = "([\w-]+)"', text_of("src/emu/behaviour.c"))
    assert len(names) > 10
    formats, boot = text_of("docs/FORMATS.md"), text_of("docs/BOOT.md")
    for number, name in enumerate(names):
        assert re.search(rf"\b{number} {name}\b", formats), f"FORMATS.md: {number} {name}"
        assert name == "healthy" or f"`{name}`" in boot, f"BOOT.md: {name}"


def test_picture():
    """Each line of the README's demo stands in docs/demo.txt, which a test holds to the demo."""
    shown = re.search(r"^From `make demo`.*?^```\n(.*?)^```", text_of("README.md"), re.M | re.S)
    left = iter(text_of("docs/demo.txt").splitlines())
    for line in shown[1].splitlines():
        assert line in left, f"README.md: '{line}' is not in docs/demo.txt, or not in this order"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        (ROOT / "docs/COMMANDS.md").write_text(command_page())
        (ROOT / "docs/API.md").write_text(api_page(load_document()))
        (ROOT / "docs/FILTERS.md").write_text(filter_page())
        (ROOT / "docs/LOG.md").write_text(log_page())
    else:
        for name, test in list(globals().items()):
            if name.startswith("test_"):
                test()
        print("the docs name what is there, and all of it")
