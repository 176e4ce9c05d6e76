#!/usr/bin/env python3
"""Uploads that are too large, cut, mislabelled, sent twice and sent a hundred at a time: each gets
the right answer, nothing of them stays, and memory does not grow with them.

Last line: figure upload cases=… wrong=… left=… kib_per_upload=…; exit 1 where one is wrong, where
something is left behind, or where an upload costs more than 4 MiB."""

import concurrent.futures
import contextlib
import hashlib
import pathlib
import socket
import ssl
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from fixture import HANG_S, fixture, wait_until  # noqa: E402

PARALLEL = 100
BAR_KIB = 4096
TEN_GB = 10 << 30
EDGES = [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 63 - 1, 2 ** 63,
         2 ** 64 - 1, 2 ** 64, 10 ** 30]


class Line:
    """One connection, byte by byte."""

    def __init__(self, server):
        context = ssl.create_default_context(cafile=str(server.data / "tls" / "ca.pem"))
        host, port = server.url.removeprefix("https://").split(":")
        plain = socket.create_connection((host, int(port)), timeout=HANG_S)
        self.socket = context.wrap_socket(plain, server_hostname=host)
        self.token = (server.data / "admin-token").read_text().strip()

    def head(self, path, *headers):
        lines = "".join(f"{one}\r\n" for one in headers)
        self.socket.sendall(f"PUT {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer "
                            f"{self.token}\r\n{lines}\r\n".encode())

    def send(self, data):
        """False where the server has had enough."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def status(self):
        """Of the reply; 0: the connection just ended."""
        text = b""
        with contextlib.suppress(OSError):
            while b"\r\n" not in text:
                more = self.socket.recv(4096)
                if not more:
                    break
                text += more
        return int(text.split()[1]) if text.startswith(b"HTTP/1.1 ") else 0

    def close(self):
        self.socket.close()


class Siege:
    def __init__(self, server):
        self.server = server
        self.cases, self.wrong = 0, 0

    def expect(self, name, got, *good):
        self.cases += 1
        if got not in good:
            self.wrong += 1
            print(f"{name}: {got}, not {' or '.join(map(str, good))}")

    def put(self, path, headers, pieces):
        line = Line(self.server)
        line.head(path, *headers)
        for piece in pieces:
            if not line.send(piece):
                break
        status = line.status()
        line.close()
        return status

    def left(self):
        """Files beyond those of releases."""
        names = [one.name for folder in ("blobs", "uploads")
                 for one in (self.server.data / folder).iterdir()]
        known = {image["file_sha256"] for release in self.server.json("status")["releases"]
                 for image in release["images"]}
        return [name for name in names if name not in known]


def rss_kib(process):
    text = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0])


def endless(size):
    piece = b"\xe9" + bytes(65535)
    while size > 0:
        yield piece[:min(size, len(piece))]
        size -= len(piece)


def chunks(size):
    for piece in endless(size):
        yield f"{len(piece):x}\r\n".encode() + piece + b"\r\n"


def too_large(siege):
    siege.expect("10 GB, announced", siege.put("/api/v1/images", [f"Content-Length: {TEN_GB}"],
                                               endless(TEN_GB)), 413)
    siege.expect("10 GB in chunks", siege.put("/api/v1/images", ["Transfer-Encoding: chunked"],
                                              chunks(TEN_GB)), 413)
    ones = (b"1\r\nx\r\n" * 1000 for _ in range(1000))
    siege.expect("a million chunks", siege.put("/api/v1/images", ["Transfer-Encoding: chunked"],
                                               ones), 408, 413, 422, 0)
    for size in EDGES:
        siege.expect(f"length {size}", siege.put("/api/v1/images", [f"Content-Length: {size}"],
                                                 endless(1 << 20)), 413, 400)
        digest = f"{size:064x}"[-64:]
        siege.expect(f"part of {size}", siege.put(
            f"/api/v1/uploads/{digest}", ["Content-Length: 10",
                                          f"Content-Range: bytes 0-9/{size}"], [b"0123456789"]),
            413, 422)


def cut(siege, file):
    """A body that ends early: by closing, and by a length that is not its own."""
    for size in (0, 1, 4096, len(file) // 2, len(file) - 1):
        line = Line(siege.server)
        line.head("/api/v1/images", f"Content-Length: {len(file)}")
        line.send(file[:size])
        line.close()
        siege.expect(f"{size} bytes and less", siege.put(
            "/api/v1/images", [f"Content-Length: {size}"], [file[:size]]), 422)
    siege.expect("two lengths", siege.put("/api/v1/images", [
        f"Content-Length: {len(file)}", f"Content-Length: {len(file) + 1}"], [file]), 400)
    siege.expect("a negative length", siege.put("/api/v1/images", ["Content-Length: -1"], [file]),
                 400)


def twice(siege, file):
    def one(_):
        return siege.put("/api/v1/images", [f"Content-Length: {len(file)}"], [file])

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = sorted(pool.map(one, range(8)))
    siege.expect("one file eight times at once", found, [200] * 7 + [201])


def parallel(siege, process, file):
    """A hundred that have sent all but their end, and then go."""
    siege.put("/api/v1/images", [f"Content-Length: {len(file)}"], [file])
    before = rss_kib(process)
    lines = []
    for _ in range(PARALLEL):
        lines.append(Line(siege.server))
        lines[-1].head("/api/v1/images", f"Content-Length: {len(file)}")
        lines[-1].send(file[:-1])
    grown = 0
    for _ in range(20):
        siege.server.run("status")
        grown = max(grown, rss_kib(process) - before)
    for line in lines[::2]:
        line.send(file[-1:])
    found = {line.status() for line in lines[::2]}
    siege.expect("a hundred at once", found, {200})
    for line in lines:
        line.close()
    return grown // PARALLEL


def part(siege, digest, file, first, last, cut_at=None):
    line = Line(siege.server)
    line.head(f"/api/v1/uploads/{digest}", f"Content-Length: {last - first + 1}",
              f"Content-Range: bytes {first}-{last}/{len(file)}")
    line.send(file[first:last + 1][:cut_at])
    status = line.status() if cut_at is None else None
    line.close()
    return status


def received(siege, digest):
    folder = siege.server.data / "uploads"
    sizes = [one.stat().st_size for one in folder.iterdir() if one.name.endswith(digest)]
    return sizes[0] if sizes else 0


def resumed(siege, process, file):
    """Cut at places all over the file, and the server killed in between."""
    digest = hashlib.sha256(file).hexdigest()
    step = len(file) // 12
    for number in range(1, 12):
        first = received(siege, digest)
        part(siege, digest, file, first, len(file) - 1, cut_at=step)
        wait_until(lambda first=first: received(siege, digest) > first, what="more of the file")
        if number % 4 == 0:
            process.kill()
            process.wait()
            process = siege.server.serve()

    def rest():
        first = received(siege, digest)
        status = part(siege, digest, file, first, len(file) - 1)
        return status if status != 409 else None  # the cut one may still hold it

    siege.expect("the rest of a cut file", wait_until(rest, what="the rest"), 201)
    return process


def main():
    with fixture() as server:
        process = server.serve()
        siege = Siege(server)
        plain = server.pack("1.0.0", size=1 << 20).read_bytes()
        too_large(siege)
        cut(siege, plain)
        siege.expect("left by refused ones", wait_until(lambda: siege.left() or ["none"]), ["none"])
        twice(siege, plain)
        kib = parallel(siege, process, plain)
        process = resumed(siege, process, server.pack("1.1.0", size=1 << 20).read_bytes())
        server.run("upload", server.pack("1.2.0", size=2 << 20))
        left = []

        def is_clean():
            left[:] = siege.left()
            return not left

        with contextlib.suppress(AssertionError):
            wait_until(is_clean, 60, what="a clean folder")
        print(f"figure upload cases={siege.cases} wrong={siege.wrong} left={len(left)} "
              f"kib_per_upload={kib}")
        return 1 if siege.wrong or left or kib > BAR_KIB else 0


if __name__ == "__main__":
    sys.exit(main())
