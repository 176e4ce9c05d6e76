"""Requests and replies out of the files that record_tls.c writes."""

import collections
import re
import struct

PIECE = struct.Struct("=III")
Exchange = collections.namedtuple("Exchange", "method target body status kind reply")


def streams(path):
    """[(bytes read, bytes written)] of the connections of one file."""
    read, written = collections.defaultdict(bytearray), collections.defaultdict(bytearray)
    data = path.read_bytes()
    at = 0
    while at + PIECE.size <= len(data):
        number, is_written, size = PIECE.unpack_from(data, at)
        at += PIECE.size
        (written if is_written else read)[number] += data[at:at + size]
        at += size
    return [(bytes(read[number]), bytes(written[number])) for number in written]


def chunked(data, at):
    """(body, end) of a chunked body; end None where it is cut."""
    body = bytearray()
    while True:
        line = data.find(b"\r\n", at)
        if line < 0:
            return bytes(body), None
        try:
            size = int(data[at:line].split(b";")[0], 16)
        except ValueError:
            return bytes(body), None
        at = line + 2
        if size == 0:
            end = data.find(b"\r\n", at)
            return bytes(body), end + 2 if end >= 0 else None
        if at + size > len(data):
            return bytes(body), None
        body += data[at:at + size]
        at += size + 2


def messages(data, has_body):
    """Yields (first line, headers, body) until something is cut; has_body(line) says whether."""
    at = 0
    while True:
        end = data.find(b"\r\n\r\n", at)
        if end < 0:
            return
        lines = data[at:end].decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in
                   (line.partition(":") for line in lines[1:])}
        at = end + 4
        body = b""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body, at = chunked(data, at)
        elif has_body(lines[0]) and headers.get("content-length", "").isdigit():
            size = int(headers["content-length"])
            body, at = data[at:at + size], at + size
        yield lines[0], headers, body
        if at is None or at > len(data):
            return


def exchanges(path):
    """Each request of a file with its reply. What is not sound HTTP ends its connection here, as it
    does in the server."""
    for read, written in streams(path):
        requests = list(messages(read, lambda line: True))
        methods = iter([line.split(" ")[0] for line, _, _ in requests])
        current = [None]

        def has_body(line, methods=methods, current=current):
            if line.startswith("HTTP/1.1 1"):
                return False
            current[0] = next(methods, None)
            return current[0] != "HEAD" and line.split(" ")[1] not in ("204", "304")

        replies = [one for one in messages(written, has_body)
                   if not re.match(r"HTTP/1\.[01] 1", one[0])]
        for (line, _, body), (status, headers, reply) in zip(requests, replies):
            words = line.split(" ")
            if len(words) != 3 or not re.match(r"HTTP/1\.[01] \d{3}", status):
                break
            yield Exchange(words[0], words[1], body, status.split(" ")[1],
                           headers.get("content-type", ""), reply)
