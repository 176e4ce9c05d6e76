#!/usr/bin/env python3
"""What a browser is told, and what a page of another site could do with it. A real server; every
kind of reply (a page, JSON, refusals of the API, of the HTTP engine, of methods) is looked at for
the headers that keep scripts, frames and sniffing out; then requests as another site's page can
send them are sent to every address that changes something. Nothing may answer them with less than
a refusal, nor allow that site to read. Bar: wrong = 0."""
import http.client
import json
import os
import pathlib
import ssl
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TESTED_BUILD", ROOT / "build"))
GODWIT = os.environ.get("GODWIT", str(BUILD / "godwit"))

SECURITY = {
    "content-security-policy": lambda text: "default-src 'none'" in text
    and "frame-ancestors 'none'" in text and "unsafe" not in text and "*" not in text,
    "x-frame-options": lambda text: text == "DENY",
    "x-content-type-options": lambda text: text == "nosniff",
    "referrer-policy": lambda text: text == "no-referrer",
    "permissions-policy": lambda text: "camera=()" in text,
    "cross-origin-resource-policy": lambda text: text == "same-origin",
}
PAGES = [("GET", "/"), ("HEAD", "/"), ("GET", "/healthz"), ("GET", "/no-such-page"),
         ("GET", "/api/v1/status"), ("GET", "/api/v1/openapi.json"), ("POST", "/"),
         ("OPTIONS", "/api/v1/status"), ("GET", "/%00"), ("GET", "/../etc/passwd"),
         ("GET", "/?" + "a" * 5000), ("GET", "//evil.example/")]
# What a page can make a browser send without asking first.
SIMPLE = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"]


class Site:
    def __init__(self, folder):
        self.folder = folder
        self.process = subprocess.Popen(
            [GODWIT, "serve", "--data", folder / "data", "--listen", "127.0.0.1:0"],
            stdout=open(folder / "out", "wb"), stderr=open(folder / "log", "wb"))
        announced = folder / "data/server.json"
        while not announced.exists():
            if self.process.poll() is not None:
                sys.exit((folder / "log").read_text(errors="replace"))
            time.sleep(0.005)
        self.port = int(json.loads(announced.read_text())["url"].rsplit(":", 1)[1])
        self.context = ssl.create_default_context(cafile=folder / "data/tls/ca.pem")

    def ask(self, method, path, headers=None, body=None):
        line = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context,
                                           timeout=60)
        line.request(method, path, body=body, headers=headers or {})
        reply = line.getresponse()
        reply.read()
        line.close()
        return reply

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)


def look(site):
    """The headers of every kind of reply."""
    for method, path in PAGES:
        reply = site.ask(method, path)
        for name, is_good in SECURITY.items():
            yield f"{method} {path[:30]} {name}", is_good(reply.headers.get(name, ""))
        yield f"{method} {path[:30]} status", reply.status < 500
    reply = site.ask("GET", "/v1/image/00")
    yield "an image is for devices", "content-security-policy" not in reply.headers


def changing(site):
    for path, methods in document_of(site)["paths"].items():
        for method in methods:
            if method.upper() not in ("GET", "HEAD", "PARAMETERS"):
                yield method.upper(), path.replace("{", "").replace("}", "")


def document_of(site):
    line = http.client.HTTPSConnection("127.0.0.1", site.port, context=site.context, timeout=60)
    line.request("GET", "/api/v1/openapi.json")
    text = line.getresponse().read()
    line.close()
    return json.loads(text)


def foreign(site):
    """What another site's page sends, with whatever cookies a browser may hold."""
    for method, path in changing(site):
        kinds = SIMPLE if method == "POST" else ["application/json"]
        for kind in kinds:
            headers = {"Origin": "https://evil.example", "Content-Type": kind,
                       "Sec-Fetch-Site": "cross-site", "Cookie": "session=guess; token=guess"}
            reply = site.ask(method, path, headers, b"{}")
            yield f"{method} {path} {kind}", 400 <= reply.status < 500
            allowed = [name for name in reply.headers if name.lower().startswith("access-control")]
            yield f"{method} {path} {kind} reads", not allowed
        reply = site.ask("OPTIONS", path, {"Origin": "https://evil.example",
                                           "Access-Control-Request-Method": method})
        yield f"preflight {path}", "access-control-allow-origin" not in reply.headers


def main():
    with tempfile.TemporaryDirectory(prefix="godwit-web-") as name:
        site = Site(pathlib.Path(name))
        try:
            cases = list(look(site)) + list(foreign(site))
        finally:
            site.stop()
    wrong = [case for case, is_good in cases if not is_good]
    for case in wrong:
        print(f"wrong: {case}")
    print(f"figure web cases={len(cases)} wrong={len(wrong)}")
    return 1 if wrong or len(cases) < 60 else 0


if __name__ == "__main__":
    sys.exit(main())
