"""Devices that prove who they are by a certificate of their maker: the recipe of docs/OPERATING.md,
every certificate that is not good, and the end of one while its connection stands."""

import base64
import contextlib
import hashlib
import http.client
import json
import os
import re
import secrets
import signal
import socket
import ssl
import subprocess

from fixture import PRODUCT, ROOT, fixture, main, wait_until

ONE, TWO, THREE = "026777000001", "026777000002", "026777000003"
LEAF = ("basicConstraints=critical,CA:FALSE", "extendedKeyUsage=clientAuth")


def recipe():
    """The console blocks about certificates of devices, each as a list of commands."""
    text = (ROOT / "docs" / "OPERATING.md").read_text()
    section = text.split("## Certificates of devices", 1)[1].split("\n## ", 1)[0]
    return [[line.removeprefix("$ ") for line in block.splitlines()]
            for block in re.findall(r"^```console\n(.*?)^```", section, re.M | re.S)]


class Maker:
    """A CA in a folder of its own."""

    def __init__(self, one, name):
        self.folder = one.folder / name
        self.folder.mkdir()
        self.name = name
        self.made, self.revoked = recipe()
        self.type(self.made[0].replace("Example devices", name))
        self.ca = self.folder / "maker.pem"
        self.crl = self.folder / "maker.crl"

    def type(self, command):
        subprocess.run(["bash", "-ec", command], cwd=self.folder, check=True, capture_output=True)

    def path(self, name, end="pem"):
        return self.folder / f"{name}.{end}"

    def device(self, device_id, name=None, extensions=LEAF, by="maker", days=7300, subject=None):
        """A certificate; returns the files of it and its key."""
        name = name or device_id
        command = self.made[1].replace(ONE, name).replace(f"/CN={name}",
                                                          subject or f"/CN={device_id}")
        command = command.replace("maker.", f"{by}.").replace("-days 7300", f"-days {days}")
        command = command.split(" -addext ")[0]
        self.type(command + "".join(f" -addext {one}" for one in extensions))
        return self.path(name), self.path(name, "key")

    def past(self, device_id, name, begin, end):
        """A certificate with dates of one's own, which `openssl ca` alone can make."""
        self.device(device_id, name)
        self.prepare()
        self.type("printf 'email_in_dn=no\\nunique_subject=no\\nrand_serial=yes\\npolicy=any\\n"
                  "[any]\\ncommonName=supplied\\n[leaf]\\nbasicConstraints=critical,CA:FALSE\\n'"
                  " | cat maker.cnf - >dates.cnf")
        self.type(f"openssl req -new -key {name}.key -subj /CN={device_id} -out {name}.csr")
        self.type(f"openssl ca -config dates.cnf -batch -notext -outdir . -in {name}.csr -out "
                  f"{name}.pem -extensions leaf -startdate {begin} -enddate {end}")
        return self.path(name), self.path(name, "key")

    def prepare(self):
        for command in self.revoked[:2]:
            self.type(command)

    def list(self):
        self.type(self.revoked[3])

    def revoke(self, name):
        self.prepare()
        self.type(self.revoked[2].replace(ONE, name))
        self.list()


def context_of(one, proof=None):
    context = ssl.create_default_context(cafile=str(one.data / "tls" / "ca.pem"))
    if proof:
        context.load_cert_chain(*map(str, proof))
    return context


def line_to(one, proof=None):
    port = int(one.url.rsplit(":", 1)[1])
    return http.client.HTTPSConnection("127.0.0.1", port, context=context_of(one, proof),
                                       timeout=60)


def checkin(device_id, token, project=PRODUCT, **more):
    return {"protocol": 1, "device_id": device_id, "nonce": secrets.token_hex(16),
            "project": project, "version": "1.0.0", "image_sha256": "00" * 31 + "01",
            "chip_id": 5, "slot_size": 1572864, "token": token, **more}


def say(line, device_id, token, bearer=None, headers=None, **more):
    """One check-in; status, type of the problem (or None) and the reply."""
    line.request("POST", "/v1/checkin", json.dumps(checkin(device_id, token, **more)),
                 {"Authorization": f"Bearer {bearer or token}", "Content-Type": "application/json",
                  **(headers or {})})
    answer = line.getresponse()
    body = json.loads(answer.read() or b"{}")
    return answer.status, body.get("type"), body


def ask(one, proof, device_id, token, **more):
    """The same on a connection of its own; a TLS alert is its text."""
    line = line_to(one, proof)
    try:
        return say(line, device_id, token, **more)[:2]
    except (ssl.SSLError, ConnectionError) as error:
        return "alert", str(error)
    finally:
        line.close()


def lives(one, word="ok"):
    line = line_to(one)
    line.request("GET", "/healthz")
    assert line.getresponse().read().decode().strip() == word
    line.close()


@contextlib.contextmanager
def served(*words):
    """A server that believes a maker, and has a product."""
    with fixture() as one:
        maker = Maker(one, "Maker")
        one.server = one.serve("--device-ca", maker.ca, *words)
        one.run("upload", one.pack("1.0.0"))
        yield one, maker


def token():
    return secrets.token_hex(32)


def mark(bearer):
    """As people name a token that waits."""
    return hashlib.sha256(bytes.fromhex(bearer)).hexdigest()[:16]


def test_an_agent_joins_by_the_recipe():
    with served() as (one, maker):
        maker.type(maker.made[1])
        image, seed = one.pack("1.0.0"), one.folder / "seed"
        one.run("claim", "policy", PRODUCT, "--out", seed)
        base = ["device", "--flash", one.folder / f"{ONE}.bin", "--server", one.url,
                "--initial-policy", seed, "--interval", 1, "--image", image]
        given = [*base, "--ca", one.data / "tls" / "ca.pem"]
        cert, key = ["--cert", maker.path(ONE)], ["--key", maker.path(ONE, "key")]
        assert "go together" in one.refusal(*given, *cert, status=2)
        assert "--ca FILE" in one.refusal(*base, *cert, *key, status=2)
        assert "not the key" in one.refusal(*given, *cert, "--key", maker.path("maker", "key"))
        assert "No such file" in one.refusal(*given, "--cert", "/nowhere", *key)
        device = one.start(*given, *cert, *key, log="device.log")
        one.wait_for(ONE, "1.0.0")
        events = one.run("devices", ONE)
        assert "by its certificate" in events, events
        # An update comes to it as to any.
        one.run("upload", one.pack("1.1.0"))
        one.run("deploy", PRODUCT, "1.1.0")
        one.wait_for(ONE, "1.1.0")
        # Revoked: it is refused with its next request, and the server says why.
        for command in maker.revoked:
            maker.type(command)
        one.end(one.server)
        one.server = one.serve("--device-ca", maker.ca, "--device-crl", maker.crl, "--listen",
                               one.url.removeprefix("https://"))
        wait_until(lambda: "the server replied 403" in one.text("device.log"), what="a refusal")
        assert "type=certificate-revoked" in one.text("serve.log")
        one.end(device)


def test_one_device_is_not_another():
    with served() as (one, maker):
        first, second, foreign = token(), token(), token()
        proof = maker.device(ONE)
        assert ask(one, proof, ONE, first) == (200, None)
        assert ask(one, proof, ONE, first) == (200, None)
        claim = one.run("claim", "add", PRODUCT, "--count", 2).strip()
        assert ask(one, None, TWO, second, bearer=claim) == (200, None)
        # Another id, another's token, both; also to be let in by a claim, or to fetch an image.
        assert ask(one, proof, TWO, second) == (403, "certificate-other")
        assert ask(one, proof, ONE, second) == (401, "token-taken")
        assert ask(one, proof, TWO, first) == (403, "certificate-other")
        assert ask(one, proof, THREE, foreign, bearer=claim) == (403, "certificate-other")
        one.run("upload", one.pack("1.1.0"))
        one.run("deploy", PRODUCT, "1.1.0")
        assert ask(one, None, TWO, second) == (200, None)
        line = line_to(one, proof)
        name = subprocess.run(["sha256sum", one.pack("1.1.0")], capture_output=True, text=True,
                              check=True).stdout.split()[0]
        for bearer, expected in ((second, (403, "certificate-other")), (token(), (401, None))):
            line.request("GET", f"/v1/image/{name}", headers={"Authorization": f"Bearer {bearer}"})
            answer = line.getresponse()
            body = json.loads(answer.read())
            assert (answer.status, expected[1] and body["type"]) == expected, body
        # The token without the certificate, where that is not required.
        assert ask(one, None, ONE, first) == (200, None)
        # Another token under its id waits for an operator, who may also say no.
        other = token()
        line = line_to(one, proof)
        assert say(line, ONE, other)[2]["pending"]
        one.run("reject", ONE, mark(other))
        assert say(line, ONE, other)[:2] == (401, "rejected")
        another = token()
        assert say(line, ONE, another)[2]["pending"]
        one.run("accept", ONE, mark(another))
        assert say(line, ONE, another)[0] == 200
        assert say(line, ONE, first)[2].get("pending"), "the former token"
        # A retired device stays out, at once and on the same connection.
        one.run("retire", ONE)
        assert say(line, ONE, another)[:2] == (401, "rejected")
        one.run("retire", "--undo", ONE)
        assert say(line, ONE, another)[0] == 200
        # What it runs is of no product.
        stranger = maker.device(THREE)
        assert ask(one, stranger, THREE, foreign, project="nothing") == (403, "no-product")
        assert ask(one, stranger, THREE, foreign) == (200, None)
        lives(one)


def crossed_key(maker, name, other):
    """A key file that shows the public key of one certificate and signs with another's key."""
    first, second = (subprocess.run(["openssl", "ec", "-in", maker.path(of, "key"), "-outform",
                                     "DER"], capture_output=True, check=True).stdout
                     for of in (name, other))
    crossed = second[:-65] + first[-65:]  # the point stands last
    path = maker.path(f"{name}-crossed", "key")
    path.write_text("-----BEGIN EC PRIVATE KEY-----\n"
                    + base64.encodebytes(crossed).decode() + "-----END EC PRIVATE KEY-----\n")
    return path


def test_what_is_not_good():
    with served() as (one, maker):
        other = Maker(one, "Other")
        maker.device("Middle", "middle", ("basicConstraints=critical,CA:TRUE",))
        good, key = maker.device(ONE)
        by_middle = maker.device(ONE, "by-middle", by="middle")
        whole = maker.path("whole")
        whole.write_bytes(by_middle[0].read_bytes() + maker.path("middle").read_bytes())
        long = maker.path("long")
        long.write_bytes(good.read_bytes() * 40)
        maker.type("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
                   f"self.key -out self.pem -days 9 -subj /CN={ONE}")
        weak = maker.path("weak")
        maker.type(f"openssl req -x509 -CA maker.pem -CAkey maker.key -newkey rsa:1024 -nodes "
                   f"-keyout weak.key -out weak.pem -days 9 -subj /CN={ONE} "
                   "-addext basicConstraints=critical,CA:FALSE")
        joined = token()
        claim = one.run("claim", "add", PRODUCT).strip()
        assert ask(one, None, ONE, joined, bearer=claim) == (200, None)
        ca_leaf = ("basicConstraints=critical,CA:TRUE",)
        server_leaf = ("basicConstraints=critical,CA:FALSE", "extendedKeyUsage=serverAuth")
        plain = ("basicConstraints=critical,CA:FALSE",)
        rows = [
            ((good, key), (200, None)),
            (maker.device(ONE, "plain", plain), (200, None)),
            (maker.device("Lamp", "san", (*plain, f"subjectAltName=DNS:{ONE}")), (200, None)),
            ((whole, by_middle[1]), (200, None)),
            (maker.past(ONE, "long-lived", "20200101000000Z", "99991231235959Z"), (200, None)),
            (other.device(ONE), (403, "certificate-untrusted")),
            ((maker.path("self"), maker.path("self", "key")), (403, "certificate-untrusted")),
            (by_middle, (403, "certificate-untrusted")),
            ((maker.path("maker"), maker.path("maker", "key")), (403, "certificate-purpose")),
            (maker.device(ONE, "ca-leaf", ca_leaf), (403, "certificate-purpose")),
            (maker.device(ONE, "below-leaf", by="plain"), (403, "certificate-untrusted")),
            (maker.device(ONE, "server-leaf", server_leaf), (403, "certificate-purpose")),
            (maker.past(ONE, "old", "20200101000000Z", "20210101000000Z"),
             (403, "certificate-expired")),
            (maker.past(ONE, "early", "20490101000000Z", "20500101000000Z"),
             (403, "certificate-early")),
            (maker.device(TWO), (403, "certificate-other")),
            (maker.device("Lamp"), (403, "certificate-nameless")),
            (maker.device(ONE, "longer", subject=f"/CN={ONE}0"), (403, "certificate-nameless")),
            (maker.device(ONE, "several", (*plain, f"subjectAltName=DNS:{TWO}")),
             (403, "certificate-nameless")),
        ]
        for proof, expected in rows:
            assert ask(one, proof, ONE, joined) == expected, (proof, expected)
            # No bad certificate makes the good token any worse, or pages unreachable.
            line = line_to(one, proof)
            line.request("GET", "/healthz")
            assert line.getresponse().status == 200, proof
        assert ask(one, None, ONE, joined) == (200, None)
        # TLS itself refuses what can not be proved or is too much.
        for proof in ((long, key), (good, crossed_key(maker, ONE, "plain"))):
            status, text = ask(one, proof, ONE, joined)
            assert status == "alert", (proof, status, text)
        weak_context = context_of(one)
        weak_context.set_ciphers("DEFAULT@SECLEVEL=0")
        weak_context.load_cert_chain(str(weak), str(maker.path("weak", "key")))
        port = int(one.url.rsplit(":", 1)[1])
        line = http.client.HTTPSConnection("127.0.0.1", port, context=weak_context, timeout=60)
        assert say(line, ONE, joined)[:2] == (403, "certificate-untrusted")
        garbage(one, port)
        lives(one)
        log = one.text("serve.log")
        assert "event=device_certificate_refused" in log and "type=certificate-expired" in log


def garbage(one, port):
    """Handshakes that end anywhere, with bytes that are none."""
    good = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-msg"],
                          input=b"", capture_output=True, check=False).returncode
    assert good == 0
    for data in (b"\x16\x03\x01\x40\x00" + os.urandom(16384), os.urandom(500), b"\x16\x03\x01"):
        with socket.create_connection(("127.0.0.1", port), 60) as line:
            line.sendall(data)
            line.settimeout(1)
            with contextlib.suppress(OSError):
                line.recv(100)
    lives(one)


def test_required():
    with served("--device-ca-required", "--web-listen", "127.0.0.1:0") as (one, maker):
        claim = one.run("claim", "add", PRODUCT, "--count", 2).strip()
        assert ask(one, None, TWO, token(), bearer=claim) == (403, "certificate-needed")
        assert ask(one, None, TWO, token()) == (403, "certificate-needed")
        proof, key = maker.device(TWO)
        first = token()
        assert ask(one, (proof, key), TWO, first, bearer=claim) == (200, None)
        assert ask(one, None, TWO, first) == (403, "certificate-needed"), "a stolen token"
        assert ask(one, (proof, key), TWO, first) == (200, None)
        line = line_to(one)
        line.request("GET", "/v1/image/" + "00" * 32, headers={"Authorization": f"Bearer {first}"})
        assert line.getresponse().status == 403
        # Nor by the other door, where nobody is asked.
        web = re.search(r"pages\s+http://(\S+)", one.text("serve.log")).group(1)
        line = http.client.HTTPConnection(web, timeout=60)
        assert say(line, TWO, first)[:2] == (403, "certificate-needed")
        # People need none.
        one.run("status")
        lives(one)


def replace(path, data):
    beside = path.with_suffix(".new")
    beside.write_bytes(data)
    beside.replace(path)


def loaded(one, count):
    wait_until(lambda: one.text("serve.log").count("event=device_ca_loaded") >= count, 120,
               "the files are read again")


def test_revoked_while_connected():
    with fixture() as one:
        maker = Maker(one, "Maker")
        maker.prepare()
        maker.list()
        server = one.serve("--device-ca", maker.ca, "--device-crl", maker.crl)
        one.run("upload", one.pack("1.0.0"))
        first, second = token(), token()
        bad, good = line_to(one, maker.device(ONE)), line_to(one, maker.device(TWO))
        nobody, third = line_to(one), token()
        claim = one.run("claim", "add", PRODUCT).strip()
        assert say(nobody, THREE, third, bearer=claim)[0] == 200
        assert say(bad, ONE, first)[0] == 200
        assert say(good, TWO, second)[0] == 200
        # One is held while its certificate is revoked.
        waits = line_to(one, (maker.path(ONE), maker.path(ONE, "key")))
        idle = {name: value for name, value in checkin(ONE, first).items() if name != "token"}
        waits.request("POST", "/v1/checkin", json.dumps(idle),
                      {"Authorization": f"Bearer {first}", "Prefer": "wait=100"})
        maker.revoke(ONE)
        loaded(one, 1)
        kept = nobody.sock
        assert say(bad, ONE, first)[:2] == (503, "certificate-stale")
        assert bad.sock is None, "its connection stayed"
        assert say(bad, ONE, first)[:2] == (403, "certificate-revoked")
        assert say(good, TWO, second)[:2] == (503, "certificate-stale")
        assert say(good, TWO, second)[:2] == (200, None)
        assert say(nobody, THREE, third)[:2] == (200, None)
        assert nobody.sock is kept, "a connection without a certificate was closed"
        one.run("upload", one.pack("1.1.0"))
        one.run("deploy", PRODUCT, "1.1.0")
        answer = waits.getresponse()
        assert answer.status == 503 and answer.headers["Retry-After"], answer.status
        # Files that can not be used change nothing, and neither does the same list again.
        sound = maker.crl.read_bytes()
        for data in (b"", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
                     sound + sound[:200]):
            replace(maker.crl, data)
            before = one.text("serve.log").count("event=device_ca_refused")
            server.send_signal(signal.SIGHUP)
            wait_until(lambda: one.text("serve.log").count("event=device_ca_refused") > before,
                       120, "a refusal")
            assert ask(one, (maker.path(ONE), maker.path(ONE, "key")), ONE, first) == \
                (403, "certificate-revoked")
        replace(maker.crl, sound)
        server.send_signal(signal.SIGHUP)
        assert say(good, TWO, second)[:2] == (200, None)


def test_a_session_does_not_outlive_its_ca():
    with served() as (one, maker):
        proof, joined = maker.device(ONE), token()
        other = Maker(one, "Other")
        assert ask(one, proof, ONE, joined) == (200, None)
        for version in ("-tls1_2", "-tls1_3"):
            session = one.folder / f"session{version}"
            assert spoken(one, proof, joined, version, "-sess_out", session)[:2] == (200, False)
            assert spoken(one, proof, joined, version, "-sess_in", session)[:2] == (200, True)
        mine = maker.ca.read_bytes()
        replace(maker.ca, other.ca.read_bytes())
        loaded(one, 1)
        for version in ("-tls1_2", "-tls1_3"):
            session = one.folder / f"session{version}"
            status, resumed, text = spoken(one, proof, joined, version, "-sess_in", session)
            assert (status, resumed) == (403, False), (status, resumed)
            assert "certificate-untrusted" in text
            # Nor without the certificate that the session once had.
            status, resumed, text = spoken(one, None, token(), version, "-sess_in", session)
            assert (status, resumed) == (401, False), (status, resumed)
        replace(maker.ca, mine + other.ca.read_bytes())
        loaded(one, 2)
        assert ask(one, proof, ONE, joined) == (200, None)
        assert ask(one, other.device(ONE), ONE, joined) == (200, None)
        replace(maker.ca, b"nothing")
        wait_until(lambda: "event=device_ca_refused" in one.text("serve.log"), 120, "a refusal")
        assert ask(one, proof, ONE, joined) == (200, None)


def spoken(one, proof, bearer, version, *words):
    """A check-in through openssl's own client: status, whether its session was resumed, all."""
    body = json.dumps(checkin(ONE, bearer))
    request = (f"POST /v1/checkin HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {bearer}\r\n"
               f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
               f"Connection: close\r\n\r\n{body}")
    given = ["-cert", proof[0], "-key", proof[1]] if proof else []
    done = subprocess.run(["openssl", "s_client", "-connect", one.url.removeprefix("https://"),
                           "-CAfile", one.data / "tls" / "ca.pem", version, "-ign_eof", *given,
                           *words], input=request.encode(), capture_output=True, check=False)
    text = done.stdout.decode(errors="replace")
    status = re.search(r"HTTP/1.1 (\d+)", text)
    return status and int(status.group(1)), "Reused, " in text, text


def test_refuses_to_start():
    with fixture() as one:
        maker = Maker(one, "Maker")
        other = Maker(one, "Other")
        leaf, key = maker.device(ONE)
        other.prepare()
        other.list()
        both = one.folder / "both.pem"
        both.write_bytes(maker.ca.read_bytes() + leaf.read_bytes())
        half = one.folder / "half.pem"
        half.write_bytes(maker.ca.read_bytes() + other.ca.read_bytes()[:300])
        many = one.folder / "many.pem"
        many.write_bytes(maker.ca.read_bytes() * 17)
        empty = one.folder / "empty.pem"
        empty.write_bytes(b"")
        large = one.folder / "large.pem"
        large.write_bytes(bytes(300 << 10))
        rows = [
            (["/nowhere.pem"], 1, "/nowhere.pem can not be read: No such file"),
            ([leaf], 1, f'no CA\'s ("{ONE}")'),
            ([both], 1, "no CA's"),
            ([half], 1, "damaged"),
            ([many], 1, "17 CAs"),
            ([empty], 1, "holds no certificate"),
            ([key], 1, "holds no certificate"),
            ([large], 1, "256 KiB"),
            ([one.folder], 1, "holds no certificate"),
            ([maker.ca, "--device-crl", maker.ca], 1, "holds no revocation list"),
            ([maker.ca, "--device-crl", other.crl], 1, 'list of "Other" that no CA'),
            ([maker.ca, "--device-crl", "/nowhere.crl"], 1, "/nowhere.crl can not be read"),
        ]
        for words, status, expected in rows:
            line = one.refusal("serve", "--data", one.data, "--device-ca", *words, status=status)
            assert expected in line, line
            assert not one.data.exists(), "a failed first start left something"
        for words in (["--device-crl", other.crl], ["--device-ca-required"]):
            line = one.refusal("serve", "--data", one.data, *words, status=2)
            assert "--device-ca" in line, line
        # And when there is something already.
        one.end(one.serve("--device-ca", maker.ca))
        line = one.refusal("serve", "--data", one.data, "--device-ca", leaf)
        assert "no CA's" in line, line


if __name__ == "__main__":
    main(globals())
