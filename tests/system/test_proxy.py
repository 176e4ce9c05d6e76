#!/usr/bin/env python3
"""Twelve devices behind a proxy that spoils what it hands on: none of them fails, `devices` names
what was seen, and once the proxy is repaired all of them update by themselves."""
import pathlib
import re
import sys
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "figures"))
from field_proxy import Proxy  # noqa: E402
from fixture import PRODUCT, main, wait_until, fixture  # noqa: E402

COUNT = 12
HOLD_S = 300
# what the proxy does to an image → what `devices` says of a device that met it
SPOILT = {
    "gzip": r"gzip, \d+ bytes: a captive portal or proxy\?",
    "login": r"text/html, 18 bytes: a captive portal or proxy\?",
    "blocked": r"text/html, status 403: a captive portal or proxy\?",
    "redirect": r"text/html, status 302: a captive portal or proxy\?",
    "length-short": r"\d+ bytes: a captive portal or proxy\?",
    "flipped": r"bytes changed on their way",
    "strip-authorization": r"status 401: a captive portal or proxy\?",
}
QUICK = ("gzip", "login", "blocked")  # the others by --all, for each takes half a minute and more


def proxied(one):
    """A proxy in front of the server, with the server's own certificate."""
    tls = one.data / "tls"
    chain = one.folder / "chain.pem"
    chain.write_text((tls / "server.pem").read_text() + (tls / "ca.pem").read_text())
    return Proxy(urllib.parse.urlparse(one.url).port, chain, tls / "server-key.pem")


def sentences(one):
    return [device["sentence"] for device in one.json("devices")["items"]]


def versions(one):
    return [device["version"] for device in one.json("devices")["items"]]


def spoil_and_repair(one, proxy, mode, version):
    proxy.mode = mode
    one.run("upload", one.pack(version, "--seed", version.replace(".", "")))
    one.run("deploy", PRODUCT, version)
    wait_until(lambda: all(re.search(SPOILT[mode], words) for words in sentences(one)),
               HOLD_S, f"the sentence of {mode}")
    time.sleep(3)  # time to fail, if anything could
    assert version not in versions(one)
    assert all(device["state"] in ("in-progress", "queued") for device in one.devices().values())
    proxy.mode = "plain"
    wait_until(lambda: versions(one) == [version] * COUNT, HOLD_S, f"the update after {mode}")
    assert all(row["failed"] == 0 for row in one.json("status")["rollouts"])


def test_a_proxy_that_spoils_images_fails_no_device():
    with fixture() as one:
        one.serve()
        first = one.pack("1.0.0")
        one.run("upload", first)
        proxy = proxied(one)
        words = one.enrolment(COUNT)
        words[words.index("--server") + 1] = f"https://127.0.0.1:{proxy.port}"
        one.start("fleet", *words, "--image", first, "--count", COUNT, "--dir", "none",
                  log="fleet.log")
        wait_until(lambda: len(one.devices()) == COUNT, HOLD_S, "the fleet")
        for number, mode in enumerate(SPOILT if "--all" in sys.argv else QUICK):
            begun = time.monotonic()
            spoil_and_repair(one, proxy, mode, f"1.{number + 1}.0")
            print(f"  {mode}: {proxy.seen.get(mode)} image requests, "
                  f"{time.monotonic() - begun:.1f} s", flush=True)
        proxy.close()


if __name__ == "__main__":
    main(globals())
