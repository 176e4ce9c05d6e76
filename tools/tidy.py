#!/usr/bin/env python3
"""Holds the code to the rules of the house: include arrows, allowed headers, banned functions,
lengths, complexity, headers that stand alone, head comments, and no paths of somebody's machine.

    tools/tidy.py              check all tracked files; exit 1 where a rule is broken
    tools/tidy.py --report     the longest files and functions, the most complex functions
    tools/tidy.py --dependencies     the table of folders and arrows
    tools/tidy.py --selftest   show each rule failing on a bad example

Each rule is a generator over the tree that yields (path, line, message). A regular expression per
rule was chosen over a C parser (tools/c_source.py says why that is enough); the whole check takes
seconds.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

from c_source import NotFound, find_code, functions, strip_comments

# Who may include whom. An entry with a slash and ".h" is that one header, not its folder.
DEPENDENCIES = {
    "base": "godwit_types.h",
    "formats": "base",
    "agent": "godwit.h godwit_port.h formats base",
    "options": "",
    "disk": "base",
    "emu": "godwit_port.h disk formats base",
    "board": "agent emu formats base",
    "ports/openssl": "base",
    "ports/psa": "godwit_port.h formats base",
    "ports/esp_idf": "godwit.h godwit_port.h formats base",
    "ports/host": "godwit_port.h board emu rt agent formats disk options base",
    "files": "formats base",
    "keys": "formats disk base",
    "rt": "base",
    "http": "rt base",
    "store": "rt disk base",
    "filter": "store formats options base",
    "fleet": "filter store rt formats base",
    "audit": "store base",
    "server": "audit filter fleet store http keys files rt formats disk options base",
    "cli": "audit filter emu keys files formats disk options base",
    "sim": "board server http audit fleet store rt keys agent emu formats disk options base",
    "program": "cli/cli.h server/server.h ports/host/host.h sim/sim.h options base",
}
DEVICE = ("base", "formats", "agent")
DEVICE_HEADERS = {"stdint.h", "stddef.h", "stdbool.h", "stdarg.h", "stdatomic.h", "string.h",
                  "assert.h"}
# What decides; see rule_pure.
PURE = [f"src/fleet/{name}.c" for name in "model decision_reason fit upgrade_path decide".split()]
PURE_HEADERS = {"src/rt/siphash.h"}
# Libraries: header (or its folder) → who may use it.
LIBRARIES = {
    "openssl/": "keys ports/openssl ports/host http server cli",
    "uv.h": "http server",
    "llhttp.h": "http",
    "sqlite3.h": "store",
    "libpq-fe.h": "store",
    "jansson.h": "audit server cli ports/host",
    "argon2.h": "server",
    "curl/": "cli ports/host server",
    "liboath/": "server",
    "psa/": "ports/psa",
    "mbedtls/": "ports/psa",
}
PLATFORM_HEADERS = set(
    "assert.h ctype.h dirent.h errno.h fcntl.h getopt.h inttypes.h limits.h malloc.h math.h "
    "netdb.h poll.h pthread.h sched.h semaphore.h signal.h spawn.h stdarg.h stdatomic.h stdbool.h "
    "stddef.h stdint.h stdio.h stdlib.h string.h strings.h termios.h time.h ucontext.h unistd.h "
    "locale.h wchar.h wctype.h ifaddrs.h".split())
PLATFORM_FOLDERS = ("sys/", "netinet/", "arpa/", "linux/", "net/")

BANNED = {
    "sprintf": "snprintf", "vsprintf": "vsnprintf", "strcpy": "snprintf or memcpy",
    "stpcpy": "snprintf or memcpy", "strncpy": "snprintf or memcpy", "strcat": "godwit_text_add",
    "strncat": "godwit_text_add", "gets": "fgets", "strtok": "strcspn and strspn",
    "atoi": "strtoul with its end checked", "atol": "strtoul with its end checked",
    "atoll": "strtoull with its end checked", "atof": "strtod with its end checked",
    "alloca": "a buffer of stated size", "rand": "a seeded generator of your own, or RAND_bytes",
    "srand": "a seeded generator of your own", "tmpnam": "mkstemp", "tempnam": "mkstemp",
    "mktemp": "mkstemp",
}
BANNED_IN_PRODUCT = {"scanf": "strtoul on a bounded piece", "sscanf": "strtoul on a bounded piece",
                     "system": "posix_spawn", "popen": "posix_spawn"}
BANNED_ON_DEVICE = {name: "the caller's memory" for name in
                    "malloc calloc realloc free strdup strndup".split()}
BANNED_ON_DEVICE |= {name: "GODWIT_LOG" for name in "printf fprintf puts putchar".split()}

FILE_MAX, HEADER_MAX, FUNCTION_MAX, LINE_MAX = 500, 300, 70, 100
COMPLEXITY_AIM, COMPLEXITY_MAX = 10, 15  # pmccabe's modified McCabe number: a switch counts once
# Words of our own that have no ordinary use; docs/GLOSSARY.md has what replaced them.
OLD_WORDS = re.compile(
    r"(?<![a-z])(fl(y|ies|ew|own|ying)[ _-]?backs?|way[ _-]back|vouch(es|ed)?|nudged?|farewell|"
    r"dialects?|intake|clean[ _-]break|relisted|undecided|unfit|seed[ _-]polic(y|ies)|burnt|"
    r"sets?[ _-]aside|trades?[ _-]places|strangers?|wavering|idle[ _-]slot|godwit_record|"
    r"told_number|must_tell|not[_-]told|mouse|mice)(?![a-z])", re.I)
OLD_WORDS_IN = ("src/", "include/", "docs/", "ui/")
# Written so that this very line is no hit.
FOREIGN_PATHS = re.compile(r"(?<![\w.])/(home|Users|roo[t]|wor[k]|far[m])/[\w.]")
HEAD_COMMENT = {".c": ("/*", "//"), ".h": ("/*", "//"), ".py": ('"""', "#"), ".sh": ("#",),
                ".sql": ("--",), ".cmake": ("#",), ".ts": ("/*", "//"), ".js": ("/*", "//")}


class Tree:
    """The tracked files below root, read once."""

    def __init__(self, root):
        self.root = root
        self.paths = sorted(list_files(root))
        self.text = {}
        for path in self.paths:
            try:
                with open(os.path.join(root, path), encoding="utf-8") as file:
                    self.text[path] = file.read()
            except UnicodeDecodeError:
                pass  # a binary file: golden bytes, a fuzz corpus
        self.bare = {path: strip_comments(text) for path, text in self.text.items()
                     if path.endswith((".c", ".h"))}

    def c_files(self, *folders):
        return [p for p in self.bare if p.startswith(tuple(f + "/" for f in folders or [""])
                                                     if folders else "")]


def list_files(root):
    git = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard"],
                         capture_output=True, text=True, check=False)
    if git.returncode == 0 and os.path.exists(os.path.join(root, ".git")):
        return [p for p in git.stdout.splitlines() if os.path.isfile(os.path.join(root, p))]
    return [os.path.relpath(os.path.join(base, name), root)
            for base, _, names in os.walk(root) for name in names]


def folder_of(path):
    """src/ports/host/x.c → ports/host; src/base/json.c → base; None outside src."""
    parts = path.split("/")
    if parts[0] != "src":
        return None
    return "/".join(parts[1:3]) if parts[1] == "ports" else parts[1]


def includes(tree, path):
    """(line number, bracket, name) of each #include; names from the text, which keeps literals."""
    for number, line in enumerate(tree.text[path].splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if match:
            yield number, match.group(1), match.group(2)


# ---- rules ----

def rule_dependencies(tree):
    for path in tree.c_files("src"):
        folder = folder_of(path)
        if folder not in DEPENDENCIES:
            yield path, 1, f"folder {folder} is not in the table of dependencies (tools/tidy.py)"
            continue
        allowed = DEPENDENCIES[folder].split()
        for number, bracket, name in includes(tree, path):
            target = folder_of("src/" + name)
            if bracket == '"' and target != folder and target not in allowed \
                    and name not in allowed:
                yield path, number, f'"{name}": {folder} may include only {allowed or "itself"}'


def closure(tree, path):
    """(header, from which file) of all that a file includes, also by way of its headers."""
    seen, todo = {}, [path]
    while todo:
        source = todo.pop()
        for _, bracket, name in includes(tree, source):
            target = name if bracket == "<" else "src/" + name
            if target in seen:
                continue
            seen[target] = source
            if target in tree.text:
                todo.append(target)
    return seen.items()


def rule_pure(tree):
    """What decides reads facts alone: no database, no clock, no lock, not even by a header."""
    for path in PURE:
        if path not in tree.text:
            continue
        for target, source in closure(tree, path):
            folder = folder_of(target)
            if (folder in ("store", "rt") and target not in PURE_HEADERS
                    or not folder and target not in DEVICE_HEADERS):
                yield path, 1, f"is pure, and reaches {target} by {source}"


def rule_brackets(tree):
    for path in tree.c_files("src"):
        folder = folder_of(path)
        for number, bracket, name in includes(tree, path):
            if bracket == '"':
                continue
            library = next((l for l in LIBRARIES if name == l or
                            (l.endswith("/") and name.startswith(l))), None)
            if library:
                users = LIBRARIES[library].split()
                if folder not in users and path[len("src/"):] not in users:
                    yield path, number, f"<{name}>: only for {', '.join(users)}"
            elif folder in DEVICE and name not in DEVICE_HEADERS:
                yield path, number, f"<{name}>: device-safe code has {sorted(DEVICE_HEADERS)}"
            elif name not in PLATFORM_HEADERS and not name.startswith(PLATFORM_FOLDERS):
                yield path, number, f"<{name}>: no library of the house (tools/tidy.py, LIBRARIES)"


def rule_banned(tree):
    for path in tree.c_files():
        names = dict(BANNED)
        if folder_of(path):
            names |= BANNED_IN_PRODUCT
        if folder_of(path) in DEVICE:
            names |= BANNED_ON_DEVICE
        pattern = re.compile(r"(?<![\w.>])(" + "|".join(names) + r")\s*\(")
        for number, line in enumerate(tree.bare[path].splitlines(), 1):
            for match in pattern.finditer(line):
                name = match.group(1)
                yield path, number, f"{name}() is banned; use {names[name]}"


def rule_typedef(tree):
    for path in tree.c_files("src"):
        for number, line in enumerate(tree.bare[path].splitlines(), 1):
            if re.match(r"\s*typedef\s+(struct|union)\b", line):
                yield path, number, "no typedef for structs: write struct where it is one"


def rule_platform(tree):
    for path in tree.c_files("src"):
        if path.startswith("src/ports/") or path == "src/http/loop.c":
            continue
        for number, line in enumerate(tree.bare[path].splitlines(), 1):
            if re.match(r"\s*#\s*(el)?if.*\b(__linux__|__APPLE__|_WIN32|ESP_PLATFORM)\b", line):
                yield path, number, "an #ifdef of a platform belongs into ports/"


def rule_length(tree):
    for path, text in tree.text.items():
        lines = text.splitlines()
        if path.endswith((".c", ".h")):
            most = HEADER_MAX if path.endswith(".h") else FILE_MAX
            if len(lines) > most:
                yield path, most + 1, f"{len(lines)} lines; at most {most}"
        if path.endswith((".c", ".h", ".py", ".sh")):
            for number, line in enumerate(lines, 1):
                if len(line) > LINE_MAX:
                    yield path, number, f"{len(line)} characters; at most {LINE_MAX}"


def rule_function_length(tree):
    for path in tree.c_files():
        for first, length, name, _ in functions(tree.bare[path]):
            if length > FUNCTION_MAX:
                yield path, first, f"{name} has {length} lines; at most {FUNCTION_MAX}"


def rule_prefix(tree):
    for path in tree.c_files(*(f"src/{folder}" for folder in DEVICE)):
        for first, _, name, is_static in functions(tree.bare[path]):
            if not is_static and not name.startswith("godwit_"):
                yield path, first, f"{name} can end in firmware: static, or godwit_{name}"


def complexities(tree):
    paths = [p for p in tree.c_files() if p.endswith(".c")]
    if not shutil.which("pmccabe") or not paths:
        return
    run = subprocess.run(["pmccabe", *paths], cwd=tree.root, capture_output=True, text=True,
                         check=False)
    for line in run.stdout.splitlines():
        match = re.match(r"(\d+)\t\d+\t\d+\t(\d+)\t\d+\t(\S+)\(\d+\): (\S+)", line)
        if match:
            yield int(match[1]), match[3], int(match[2]), match[4]


def rule_complexity(tree):
    for number, path, line, name in complexities(tree):
        if number > COMPLEXITY_MAX:
            yield path, line, f"{name} has complexity {number}; at most {COMPLEXITY_MAX}"


def rule_pragma_once(tree):
    for path in tree.c_files():
        if not path.endswith(".h"):
            continue
        code = [line for line in tree.bare[path].splitlines() if line.strip()]
        if not code or code[0].strip() != "#pragma once":
            yield path, 1, "#pragma once must be the first line behind the head comment"


def rule_header_alone(tree):
    flags = subprocess.run(["pkg-config", "--cflags", "libuv", "jansson", "sqlite3", "libcurl"],
                           capture_output=True, text=True, check=False).stdout.split()
    for path in tree.c_files("src", "tests"):
        if not path.endswith(".h"):
            continue
        name = re.sub(r"^(src|tests)/", "", path)
        run = subprocess.run(
            ["cc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
             "-Isrc", "-Iinclude", "-Itests", "-Itests/support", *flags, "-isystem",
             "/usr/share/include/llhttp", "-xc", "-"],
            input=f'#include "{name}"\n', cwd=tree.root, capture_output=True, text=True,
            check=False)
        if run.returncode != 0:
            error = next((l for l in run.stderr.splitlines() if "error" in l), run.stderr[:200])
            yield path, 1, f"does not compile alone: {error}"


def rule_head_comment(tree):
    for path, text in tree.text.items():
        wanted = HEAD_COMMENT.get(os.path.splitext(path)[1])
        if os.path.basename(path) in ("CMakeLists.txt", "Makefile"):
            wanted = ("#",)
        if not wanted:
            continue
        lines = [line for line in text.splitlines() if line.strip()]
        if lines and lines[0].startswith("#!"):
            lines = lines[1:]
        if not lines or not lines[0].startswith(wanted):
            yield path, 1, "the file does not open with a comment that says what it is"


def rule_foreign_paths(tree):
    for path, text in tree.text.items():
        for number, line in enumerate(text.splitlines(), 1):
            if FOREIGN_PATHS.search(line):
                yield path, number, "an absolute path of somebody's machine"


def rule_old_words(tree):
    for path, text in tree.text.items():
        if not path.startswith(OLD_WORDS_IN):
            text = path if path.startswith("tests/") else ""
        if path == "docs/GLOSSARY.md":
            continue
        for number, line in enumerate(text.splitlines(), 1):
            for found in OLD_WORDS.finditer(line):
                yield path, number, f"'{found.group()}' has another word now: docs/GLOSSARY.md"


def rule_mutants(tree):
    """Negative controls (tests/tool/test_mutants.py) name code that occurs once in a function."""
    sources = {path: tree.text[path] for path in tree.c_files("src") if path.endswith(".c")}
    for path in tree.text:
        if not path.endswith("/mutants.txt"):
            continue
        function = ""
        for number, line in enumerate(tree.text[path].splitlines(), 1):
            key, _, value = line.strip().partition(" ")
            if key == "in":
                function = value.strip()
            if key != "code":
                continue
            try:
                find_code(sources, function, value)
            except NotFound as error:
                yield path, number, str(error)


RULES = {name[len("rule_"):]: rule for name, rule in list(globals().items())
         if name.startswith("rule_")}


# ---- commands ----

def check(tree, rules=None):
    """All findings as (rule, path, line, message)."""
    return [(name, *finding) for name, rule in (rules or RULES).items() for finding in rule(tree)]


def report(tree):
    def table(title, rows):
        print(title)
        for number, where in sorted(rows, reverse=True)[:15]:
            print(f"  {number:5} {where}")
    table("longest files (lines)", [(len(t.splitlines()), p) for p, t in tree.text.items()
                                    if p.endswith((".c", ".h"))])
    table("longest functions (lines)", [(length, f"{p}:{first} {name}") for p in tree.c_files()
                                        for first, length, name, _ in functions(tree.bare[p])])
    table(f"most complex functions (aim {COMPLEXITY_AIM}, at most {COMPLEXITY_MAX})",
          [(number, f"{p}:{line} {name}") for number, p, line, name in complexities(tree)])


BAD = {  # rule → files of which exactly this rule must complain
    "dependencies": {"src/base/a.c": '/* A. */\n#include "formats/chip.h"\n'},
    "brackets": {"src/formats/a.c": "/* A. */\n#include <stdio.h>\n"},
    "banned": {"src/cli/a.c": "/* A. */\nvoid f(char *s) { strcpy(s, s); }\n"},
    "typedef": {"src/rt/a.h": "/* A. */\n#pragma once\ntypedef struct { int x; } thing;\n"},
    "platform": {"src/store/a.c": "/* A. */\n#ifdef __linux__\n#endif\n"},
    "length": {"src/base/a.c": "/* A. */\n" + "\n" * FILE_MAX},
    "function_length": {"src/cli/a.c": "/* A. */\nint f(void)\n{\n" + "    ;\n" * 70 + "}\n"},
    "prefix": {"src/base/a.c": "/* A. */\nint f(void)\n{\n    return 1;\n}\n"},
    "complexity": {"src/cli/a.c": "/* A. */\nint f(int x)\n{\n" +
                                  "    if (x) x++;\n" * COMPLEXITY_MAX + "    return x;\n}\n"},
    "pragma_once": {"src/base/a.h": "/* A. */\nstruct a;\n"},
    "pure": {"src/fleet/decide.c": '/* A. */\n#include "fleet/b.h"\n',
             "src/fleet/b.h": '/* B. */\n#pragma once\n#include "store/store.h"\n',
             "src/store/store.h": '/* S. */\n#pragma once\n'},
    "header_alone": {"src/base/a.h": "/* A. */\n#pragma once\nextern size_t a;\n"},
    "head_comment": {"src/base/a.c": "int a;\n"},
    "old_words": {"docs/a.md": "an image that " + "flew back\n"},
    "foreign_paths": {"docs/a.md": "see /home/" + "me/notes\n"},
    "mutants": {"tests/unit/x/mutants.txt": "in f\ncode if (is_bad) return;\n"},
}
MUTATED = ("/* A. */\nstatic int f(int x)\n{\n    x++;\n    max = 1;\n    x++;\n"
           "    if (x > /* why */\n        2) return 0;\n}\n")
MORE_BAD = [  # further cases of the same rules
    ("dependencies", {"src/emu/a.c": '/* A. */\n#include "godwit.h"\n'}),
    ("dependencies", {"src/new/a.c": "/* A. */\n"}),
    ("pure", {"src/fleet/fit.c": "/* A. */\n#include <time.h>\n"}),
    ("brackets", {"src/cli/a.c": "/* A. */\n#include <sqlite3.h>\n"}),
    ("brackets", {"src/base/text.c": "/* A. */\n#include <openssl/sha.h>\n"}),
    ("brackets", {"src/cli/a.c": "/* A. */\n#include <cjson.h>\n"}),
    ("banned", {"src/agent/a.c": "/* A. */\nvoid *a = malloc(1);\n"}),
    ("length", {"src/base/a.h": "/* A. */\n#pragma once\n" + "\n" * HEADER_MAX}),
    ("length", {"tools/a.py": "# " + "a" * LINE_MAX + "\n"}),
    ("mutants", {"tests/unit/x/mutants.txt": "in f\ncode ++;\n", "src/rt/x.c": MUTATED}),
    ("mutants", {"tests/unit/x/mutants.txt": "in f\ncode x = 1;\n", "src/rt/x.c": MUTATED}),
    ("old_words", {"src/fleet/a.c": "/* A. */\nint " + "undecided_count;\n"}),
    ("old_words", {"tests/unit/a/test_" + "intake.c": "/* A. */\n"}),
    ("head_comment", {"tools/a.sh": "#!/bin/sh\necho\n"}),
]
GOOD = {  # near misses that no rule may complain of
    "src/rt/f.c": MUTATED,
    "tests/unit/x/mutants.txt": "in f\ncode if (x>2) return 0;\n",
    "src/base/json.c": '/* strcpy() in words, /home in words. */\n#include "base/json.h"\n'
                       "static const char *a = \"sprintf(\";\n",
    "docs/b.md": "good, cut and judge may stand in a sentence\n",
    "src/base/json.h": "/* J. */\n#pragma once\n#include <stdint.h>\n",
    "src/emu/a.c": '/* A. */\n#include "godwit_port.h"\n#include <stdio.h>\n',
    "include/godwit_port.h": "/* P. */\n#pragma once\n",
    "src/cli/a.c": "/* A. */\nint f(struct s *x)\n{\n    return x->system(1) + operand(2);\n}\n",
}


def write_tree(root, files):
    for path, text in files.items():
        os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
        with open(os.path.join(root, path), "w", encoding="utf-8") as file:
            file.write(text)


def selftest():
    failed = 0
    cases = [(rule, files, {rule}) for rule, files in [*BAD.items(), *MORE_BAD]]
    cases.append(("nothing", GOOD, set()))
    for name, files, expected in cases:
        if name == "complexity" and not shutil.which("pmccabe"):
            print("skipped  complexity: pmccabe is not installed")
            continue
        with tempfile.TemporaryDirectory() as root:
            write_tree(root, files)
            found = check(Tree(root))
        is_right = {finding[0] for finding in found} == expected
        failed += not is_right
        print(f"{'ok' if is_right else 'FAILED':8} {name}: {found[:2] or 'no complaint'}")
    for rule in set(RULES) - set(BAD):
        failed += 1
        print(f"FAILED   rule {rule} has no bad example")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description="check the rules of the house")
    for option in ("report", "dependencies", "selftest"):
        parser.add_argument("--" + option, action="store_true")
    options = parser.parse_args()
    if options.dependencies:
        for folder, targets in DEPENDENCIES.items():
            print(f"{folder:14} → {targets or 'nothing'}")
        return 0
    if options.selftest:
        return selftest()
    tree = Tree(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if options.report:
        report(tree)
        return 0
    findings = check(tree)
    for rule, path, line, message in findings:
        print(f"{path}:{line}: {message} [{rule}]")
    files = len(tree.bare)
    print(f"tidy: {files} C files, {len(RULES)} rules, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
