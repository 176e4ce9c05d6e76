"""What the checks of the tree know about C sources: comments, functions, and places in them.

A place is named by a function and a piece of its code (`find_code`), not by a file and a line: the
function may move, and the formatter may break its lines anew. The formatter fixes the layout (the
braces of a function stand alone in column 0), so lines tell enough and no parser is needed."""
import functools
import re

COMMENT = r"/\*.*?\*/|//[^\n]*"
LITERAL = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''


class NotFound(Exception):
    """A piece of code that does not occur once where it should."""


@functools.cache
def strip_comments(text, keep_literals=False):
    """Comments, and unless kept the insides of literals, blanked out; every position stays."""
    def blank(match):
        piece = match.group(0)
        if piece[0] in "\"'":
            return piece if keep_literals else piece[0] + " " * (len(piece) - 2) + piece[0]
        return re.sub(r"[^\n]", " ", piece)
    return re.sub(f"{COMMENT}|{LITERAL}", blank, text, flags=re.S)


def functions(bare):
    """(first line, length, name, is static) of each function of a text without comments."""
    lines = bare.splitlines()
    for end, line in enumerate(lines):
        if line.rstrip() != "}":
            continue
        begin = end
        while begin > 0 and lines[begin].rstrip() != "{":
            begin -= 1
        first = begin
        while first > 0 and lines[first - 1].strip() and lines[first - 1].rstrip()[-1] not in "};" \
                and not lines[first - 1].startswith("#"):
            first -= 1
        head = " ".join(lines[first:begin])
        match = re.search(r"(\w+)\s*\(", re.sub(r"__attribute__\s*\(\(.*?\)\)", "", head))
        if begin > 0 and match:
            yield first + 1, end - first + 1, match.group(1), bool(re.match(r"\s*static\b", head))


@functools.cache
def function_spans(text):
    """{name: [(begin, end) of each function of that name]}, as positions in the text."""
    spans = {}
    starts = [0, *(match.end() for match in re.finditer("\n", text)), len(text)]
    for first, length, name, _ in functions(strip_comments(text)):
        spans.setdefault(name, []).append((starts[first - 1], starts[first - 1 + length]))
    return spans


def code_pattern(code):
    """Matches the code wherever its lines are broken, but no part of a longer name or number."""
    pattern = r"\s*".join(re.escape(c) for c in code if not c.isspace())
    return re.compile((r"(?<!\w)" if re.match(r"\w", code) else "") + pattern
                      + (r"(?!\w)" if re.search(r"\w$", code) else ""))


def find_code(texts, function, code):
    """(path, begin, end) of the one place where the code occurs in a function of that name, in any
    of the sources `texts` (path → text). White space and comments do not count."""
    pattern = code_pattern(code.strip())
    spans = [(path, text, span) for path, text in texts.items() if function in text
             for span in function_spans(text).get(function, [])]
    places = [(path, match.start(), match.end()) for path, text, span in spans
              for match in pattern.finditer(strip_comments(text, keep_literals=True), *span)]
    if not spans:
        raise NotFound(f"no function is called {function}")
    if len(places) != 1:
        raise NotFound(f"occurs {len(places)} times in {function}, not once: {code}")
    return places[0]
