#!/usr/bin/env python3
"""/healthz, /readyz and /metrics of a real server: numbers that a Prometheus would take, devices by
product and state, nothing for strangers, and not ready while nothing can be written."""
import http.client
import re
import resource
import ssl

from fixture import HANG_S, PRODUCT, fixture, main, wait_until

LINE = re.compile(r'[a-z_]+(\{([a-z]+="([^"\\\n]|\\.)*",?)+\})? -?[0-9.e+]+')


def get(one, path, token=None):
    context = ssl.create_default_context(cafile=str(one.data / "tls" / "ca.pem"))
    host, port = one.url.removeprefix("https://").split(":")
    line = http.client.HTTPSConnection(host, int(port), context=context, timeout=HANG_S)
    line.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
    reply = line.getresponse()
    return reply.status, reply.read().decode(), reply.headers


def metrics(one):
    token = (one.data / "admin-token").read_text().strip()
    status, text, headers = get(one, "/metrics", token)
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    values = {}
    for line in text.splitlines():
        if line.startswith("#"):
            assert re.fullmatch(r"# (HELP [a-z_]+ .+|TYPE [a-z_]+ (counter|gauge))", line), line
            continue
        assert LINE.fullmatch(line), line
        name, value = line.rsplit(" ", 1)
        assert name not in values, line
        values[name] = float(value)
    return values


def test_numbers():
    with fixture() as one:
        one.serve()
        assert get(one, "/healthz")[:2] == (200, "ok\n")
        assert get(one, "/readyz")[:2] == (200, "ready\n")
        assert get(one, "/metrics")[0] == 401
        first = one.pack("1.0.0")
        one.run("upload", first)
        one.start("device", "--flash", one.folder / "one.bin", "--image", first,
                  *one.enrolment(1), log="device.log")
        before = metrics(one)
        assert before["godwit_writable"] == 1 and before["godwit_requests_total"] > 0

        def is_counted():
            now = metrics(one)
            return [name for name, value in now.items()
                    if name.startswith(f'godwit_devices{{product="{PRODUCT}"') and value == 1]

        wait_until(is_counted, what="the device in the numbers")
        after = metrics(one)
        assert after["godwit_requests_total"] > before["godwit_requests_total"]
        assert after["godwit_handshakes_total"] > before["godwit_handshakes_total"]
        assert after["process_resident_memory_bytes"] > 1 << 20


def test_not_ready_while_nothing_can_be_written():
    with fixture() as one:
        server = one.serve()
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        wait_until(lambda: get(one, "/readyz")[0] == 503, what="not ready")
        assert get(one, "/healthz")[0] == 200 and metrics(one)["godwit_writable"] == 0
        assert "is it full" in get(one, "/readyz")[1]
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE,
                         (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        wait_until(lambda: get(one, "/readyz")[0] == 200, what="ready again")


if __name__ == "__main__":
    main(globals())
