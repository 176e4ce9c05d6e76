#!/usr/bin/env python3
"""A TLS proxy between devices and their server that spoils what it hands on, as proxies in the
field do: it compresses, shows a login page, strips or shifts ranges, cuts, pads, caches.

    tests/figures/field_proxy.py SERVER_PORT CHAIN.pem KEY.pem [MODE]

prints its port; each line on standard input is the next mode, and the end of input ends it. Modes
spoil the replies to image requests; with "all-" in front, those to check-ins too."""
import gzip
import re
import socket
import ssl
import sys
import threading

from tls_front import connect, listen, plain_context, reset, server_context

PAGE = b"<html>login</html>"
WAIT_S = 600  # of a stall; the device gives up long before


class Reply:
    """A reply taken apart: status line, headers in order, body."""

    def __init__(self, data):
        head, self.body = data.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        self.status, self.headers = lines[0], [line.split(": ", 1) for line in lines[1:]]
        if self.get("transfer-encoding") == "chunked":
            self.body = join_chunks(self.body)
            self.drop("transfer-encoding")

    def get(self, name):
        return next((value for key, value in self.headers if key.lower() == name), None)

    def drop(self, *names):
        self.headers = [row for row in self.headers if row[0].lower() not in names]

    def put(self, name, value):
        self.drop(name.lower())
        self.headers.append([name, str(value)])

    def head(self):
        lines = [self.status, *(f"{key}: {value}" for key, value in self.headers)]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def join_chunks(data):
    body = b""
    while data:
        size, data = data.split(b"\r\n", 1)
        count = int(size, 16)
        body, data = body + data[:count], data[count + 2:]
        if count == 0:
            break
    return body


def split_chunks(body):
    pieces = [body[at:at + 3000] for at in range(0, len(body), 3000)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


# ---- modes: each takes the true reply and gives (bytes to send, how it ends) ----

def whole(reply):
    reply.put("Content-Length", len(reply.body))
    return reply.head() + reply.body, "close"


def page(status="200 OK", kind="text/html", body=PAGE, headers=()):
    def mode(reply):
        reply.status, reply.body = f"HTTP/1.1 {status}", body
        reply.headers = [["Content-Type", kind], *map(list, headers)]
        return whole(reply)
    return mode


def compress(coding):
    """Labelled as `coding`; None: not labelled at all."""
    def mode(reply):
        reply.body = gzip.compress(reply.body)
        reply.drop("content-encoding")
        if coding:
            reply.put("Content-Encoding", coding)
        return whole(reply)
    return mode


def length(difference):
    """A Content-Length that is wrong by so much; then the connection ends."""
    def mode(reply):
        reply.put("Content-Length", max(0, len(reply.body) + difference))
        return reply.head() + reply.body, "close"
    return mode


def half(end):
    def mode(reply):
        data, _ = whole(reply)
        return data[:len(data) - len(reply.body) // 2], end
    return mode


def chunked(is_whole):
    def mode(reply):
        reply.drop("content-length")
        reply.put("Transfer-Encoding", "chunked")
        data = split_chunks(reply.body)
        return reply.head() + (data + b"0\r\n\r\n" if is_whole else data[:len(data) // 2]), "close"
    return mode


def unframed(reply):
    """Neither length nor chunks: the end of the connection is the end of the body."""
    reply.drop("content-length")
    return reply.head() + reply.body, "close"


def change(function):
    """The right status and length, other bytes."""
    def mode(reply):
        reply.body = function(reply.body)
        return whole(reply)
    return mode


def shifted(reply):
    """Says that the bytes come from somewhere else in the file."""
    found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", reply.get("content-range") or "")
    if found:
        first, last, size = (int(number) for number in found.groups())
        reply.put("Content-Range", f"bytes {first + 16}-{last + 16}/{size + 16}")
    return whole(reply)


def without_tag(reply):
    reply.drop("etag", "content-range", "accept-ranges")
    return whole(reply)


def flip(body):
    at = len(body) // 2
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1:] if body else body


MODES = {
    "plain": whole,
    "gzip": compress("gzip"),
    "gzip-unlabelled": compress(None),
    "brotli": compress("br"),
    "login": page(),
    "login-as-binary": page(kind="application/octet-stream"),
    "redirect": page("302 Found", headers=[["Location", "http://login.example/"]]),
    "blocked": page("403 Forbidden"),
    "proxy-auth": page("407 Proxy Authentication Required"),
    "bad-gateway": page("502 Bad Gateway"),
    "unavailable": page("503 Service Unavailable"),
    "timeout": page("504 Gateway Timeout"),
    "not-found": page("404 Not Found"),
    "empty": page(kind="application/octet-stream", body=b""),
    "json": page(kind="application/json", body=b'{"error":"quota"}'),
    "length-long": length(1000),
    "length-short": length(-1000),
    "cut": half("reset"),
    "cut-clean": half("close"),
    "stall": half("stall"),
    "chunked": chunked(True),
    "chunked-cut": chunked(False),
    "unframed": unframed,
    "strip-range": whole,  # and the request loses its Range
    "strip-headers": without_tag,
    "strip-authorization": whole,  # and the request loses its token
    "shifted-range": shifted,
    "flipped": change(flip),
    "zeros": change(lambda body: bytes(len(body))),
    "newlines": change(lambda body: body.replace(b"\n", b"\r\n")),
    "padded": change(lambda body: body + b"\n"),
}
STRIPS = {
    "strip-range": ("range", "if-range"), "gzip": ("range", "if-range"),
    "strip-authorization": ("authorization",),
}


class Proxy:
    """Serves until close(); `mode` may change at any time. `seen` counts image requests by mode."""

    def __init__(self, server_port, chain, key, mode="plain", port=0):
        self.server_port, self.mode, self.seen = server_port, mode, {}
        self.context = server_context(chain, key)
        self.socket = listen(port)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def accept(self):
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            sock.settimeout(WAIT_S)
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        try:
            with self.context.wrap_socket(sock, server_side=True) as tls:
                self.hand_on(tls)
        except (OSError, ValueError):
            pass
        finally:
            sock.close()

    def hand_on(self, tls):
        request = self.read_request(tls)
        is_image = b"/v1/image" in request.split(b"\r\n", 1)[0]
        name = self.mode
        is_all = name.startswith("all-")
        name = name.removeprefix("all-")
        if is_image:
            self.seen[name] = self.seen.get(name, 0) + 1
        if not is_image and not is_all:
            name = "plain"
        data, end = MODES[name](self.ask(request, STRIPS.get(name, ())))
        tls.sendall(data)
        if end == "reset":
            reset(tls)
        elif end == "stall":
            tls.recv(1)  # until the device ends it
        else:
            tls.settimeout(2)
            tls.unwrap()

    def read_request(self, tls):
        request = b""
        while b"\r\n\r\n" not in request:
            request += receive(tls)
        head, body = request.split(b"\r\n\r\n", 1)
        found = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        while found and len(body) < int(found[1]):
            body += receive(tls)
        return head + b"\r\n\r\n" + body

    def ask(self, request, strips):
        """The server's whole reply to the request without the headers named in `strips`."""
        head, body = request.split(b"\r\n\r\n", 1)
        gone = (b"connection:", *(name.encode() + b":" for name in strips))
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(gone)]
        reply = b""
        with plain_context().wrap_socket(connect(self.server_port)) as up:
            up.sendall(b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + body)
            try:
                while data := up.recv(65536):
                    reply += data
            except ssl.SSLError:
                pass
        reply = Reply(reply)
        reply.put("Connection", "close")
        return reply


def receive(tls):
    data = tls.recv(65536)
    if not data:
        raise ValueError("the device ended it")
    return data


def main():
    proxy = Proxy(int(sys.argv[1]), *sys.argv[2:5])
    print(proxy.port, flush=True)
    for line in sys.stdin:
        proxy.mode = line.strip()


if __name__ == "__main__":
    main()
