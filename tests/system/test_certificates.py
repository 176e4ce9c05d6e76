"""The certificate of a running service: what it is for, what a client says that can not believe it,
and that it changes while everybody stays connected."""

import http.client
import json
import signal
import socket
import ssl
import subprocess

from fixture import main, wait_until, fixture

DEVICE = "026777000001"


def addresses():
    """Each address of this machine that is not for itself only."""
    done = subprocess.run(["hostname", "-I"], capture_output=True, text=True)
    return [one for one in done.stdout.split() if not one.startswith("fe80")]


def context_of(one):
    return ssl.create_default_context(cafile=str(one.data / "tls" / "ca.pem"))


def shown(host, port, context, name=None):
    """The certificate that a new connection is shown; raises where it is not for the name."""
    with socket.create_connection((host, port), 60) as line:
        with context.wrap_socket(line, server_hostname=name or host) as tls:
            return tls.getpeercert()


def port_of(one):
    return int(one.url.rsplit(":", 1)[1])


class Kept:
    """A connection that stays open."""

    def __init__(self, host, port, context):
        self.line = http.client.HTTPSConnection(host, port, context=context, timeout=60)
        self.line.connect()
        self.socket = self.line.sock

    def answers(self):
        self.line.request("GET", "/healthz")
        answer = self.line.getresponse()
        answer.read()
        return answer.status == 200 and self.line.sock is self.socket


def test_what_is_announced_is_certified():
    with fixture() as one:
        for listen, host in (("127.0.0.2:0", "127.0.0.2"), ("[::1]:0", "[::1]"),
                             ("0.0.0.0:0", "127.0.0.1"), ("[::]:0", "127.0.0.1")):
            server = one.serve("--listen", listen, log="serve.log")
            assert one.url.startswith(f"https://{host}:"), one.url
            one.run("status")
            if listen.startswith(("0.0.0.0", "[::]")):
                for address in addresses():
                    if ":" not in address or listen.startswith("[::]"):
                        shown(address, port_of(one), context_of(one))
                shown("127.0.0.1", port_of(one), context_of(one), name=socket.gethostname())
            one.end(server)


def test_the_client_names_the_cure():
    """And the cure is one."""
    with fixture() as one:
        server = one.serve("--listen", "0.0.0.0:0")
        port, ca = port_of(one), one.data / "tls" / "ca.pem"
        line = one.refusal("status", "--server", f"https://127.0.0.3:{port}", "--ca", ca)
        assert "127.0.0.1" in line and "godwit serve --name 127.0.0.3" in line, line
        assert "--ca" not in line, line
        one.end(server)
        before = ca.read_bytes()
        server = one.serve("--listen", f"0.0.0.0:{port}", "--name", "127.0.0.3")
        line = one.refusal("status", "--server", f"https://127.0.0.3:{port}", "--ca", ca)
        assert "log in with `godwit login https://127.0.0.3" in line, line
        assert ca.read_bytes() == before, "devices would be lost"


def test_renewed_while_it_runs():
    with fixture() as one:
        server = one.serve()
        host, port, context = "127.0.0.1", port_of(one), context_of(one)
        kept = Kept(host, port, context)
        first = shown(host, port, context)["serialNumber"]
        (one.data / "tls" / "server.pem").unlink()
        server.send_signal(signal.SIGHUP)
        wait_until(lambda: shown(host, port, context)["serialNumber"] != first, 120, "another one")
        assert kept.answers(), "a connection was dropped"
        assert "event=certificate_loaded" in one.text("serve.log")
        ends = ssl.cert_time_to_seconds(shown(host, port, context)["notAfter"])
        begins = ssl.cert_time_to_seconds(shown(host, port, context)["notBefore"])
        assert 365 * 86400 <= ends - begins <= 367 * 86400


class Authority:
    """A root, an intermediate below it and servers' certificates, as a public CA has them."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.root = self.sign("root", None, "basicConstraints=critical,CA:TRUE")
        self.middle = self.sign("middle", "root", "basicConstraints=critical,CA:TRUE")

    def path(self, what, end="pem"):
        return self.folder / f"{self.name}-{what}.{end}"

    def openssl(self, *words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)

    def sign(self, what, by, *extensions):
        key, request, settings = (self.path(what, end) for end in ("key", "csr", "cnf"))
        settings.write_text("\n".join(extensions) + "\n")
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-keyout", key, "-out", request, "-subj",
                     f"/CN={self.name} {what}")
        signer = (["-CA", self.path(by), "-CAkey", self.path(by, "key"), "-CAcreateserial"]
                  if by else ["-signkey", key])
        self.openssl("x509", "-req", "-in", request, "-out", self.path(what), "-days", 90,
                     "-extfile", settings, *signer)
        key.chmod(0o600)
        return self.path(what)

    def server(self, what, names, chain, key, with_root=False):
        """Writes chain and key of a new server certificate to these files."""
        leaf = self.sign(what, "middle", f"subjectAltName={names}")
        parts = [leaf, self.middle] + ([self.root] if with_root else [])
        for path, data in ((chain, b"".join(part.read_bytes() for part in parts)),
                           (key, self.path(what, "key").read_bytes())):
            beside = path.with_suffix(".new")
            beside.write_bytes(data)
            beside.chmod(0o600)
            beside.replace(path)


def test_what_can_not_be_pinned_is_refused():
    with fixture() as one:
        public, other = Authority(one.folder, "Public"), Authority(one.folder, "Other")
        chain, key = one.folder / "chain.pem", one.folder / "chain.key"
        public.server("leaf", "DNS:ota.example.org", chain, key)
        given = ["serve", "--data", one.data, "--tls-cert", chain, "--tls-key", key]
        rows = [
            ([], 1, 'below "Public root"'),
            (["--ca", public.middle], 1, "holds no root"),
            (["--ca", other.root], 1, 'but to "Public root"'),
            (["--ca", key], 1, "holds no certificate"),
            (["--ca", "/nowhere.pem"], 1, "/nowhere.pem"),
        ]
        for words, status, expected in rows:
            line = one.refusal(*given, *words, status=status)
            assert expected in line and "--ca" in line, line
            assert not one.data.exists(), "a failed first start left something"
        line = one.refusal("serve", "--data", one.data, "--ca", public.root, status=2)
        assert "--tls-cert" in line, line


def test_a_public_chain():
    """Devices pin its root: it changes leaf and intermediate below them, while they stay."""
    with fixture() as one:
        public, other = Authority(one.folder, "Public"), Authority(one.folder, "Other")
        chain, key = one.folder / "chain.pem", one.folder / "chain.key"
        given = ["--tls-cert", chain, "--tls-key", key, "--ca", public.root]
        public.server("first", "DNS:ota.example.org", chain, key)
        server = one.serve(*given)
        assert one.url.startswith("https://ota.example.org:"), one.url
        port = port_of(one)
        context = ssl.create_default_context(cafile=str(public.root))
        kept = Kept("127.0.0.1", port, context_for(context, "ota.example.org"))

        # A leaf for this address too; files change one after the other.
        public.server("second", "DNS:ota.example.org,IP:127.0.0.1", chain, key)
        wait_until(lambda: covers(port, context, "127.0.0.1"), 120, "the second certificate")
        assert kept.answers(), "a connection was dropped"
        image = one.pack("1.0.0")
        one.run("upload", image)
        join = one.enrolment()
        join[join.index("--server") + 1] = f"https://127.0.0.1:{port}"
        one.start("device", "--flash", one.folder / f"{DEVICE}.bin", "--image", image, *join,
                  log="device.log")
        one.wait_for(DEVICE, "1.0.0")

        # Another intermediate of the same root: the device stays.
        public.middle = public.sign("middle", "root", "basicConstraints=critical,CA:TRUE")
        serial = shown("127.0.0.1", port, context)["serialNumber"]
        public.server("third", "DNS:ota.example.org,IP:127.0.0.1", chain, key)
        wait_until(lambda: shown("127.0.0.1", port, context)["serialNumber"] != serial, 120,
                   "the third certificate")
        seen = one.json("devices", DEVICE)["facts"]["checkins"]
        wait_until(lambda: one.json("devices", DEVICE)["facts"]["checkins"] > seen + 2, 120,
                   "three check-ins")

        # Another root: refused, and the one before stays.
        third = shown("127.0.0.1", port, context)["serialNumber"]
        other.server("liar", "DNS:ota.example.org,IP:127.0.0.1", chain, key)
        server.send_signal(signal.SIGHUP)
        wait_until(lambda: "event=certificate_refused" in one.text("serve.log"), 120, "a refusal")
        assert shown("127.0.0.1", port, context)["serialNumber"] == third
        assert kept.answers(), "a connection was dropped"
        one.end(server)
        public.server("fourth", "DNS:ota.example.org", chain, key, with_root=True)
        one.serve(*given[:4])
        assert json.loads((one.data / "server.json").read_text())["ca"] == str(chain)


def context_for(context, name):
    """The same trust, for a connection that dials an address and means a name."""
    class Named(ssl.SSLContext):
        def wrap_socket(self, sock, **options):
            options["server_hostname"] = name
            return super().wrap_socket(sock, **options)

    named = Named(ssl.PROTOCOL_TLS_CLIENT)
    named.load_verify_locations(cadata="".join(
        ssl.DER_cert_to_PEM_cert(der) for der in context.get_ca_certs(binary_form=True)))
    return named


def covers(port, context, name):
    try:
        return bool(shown("127.0.0.1", port, context, name=name))
    except ssl.SSLCertVerificationError:
        return False


if __name__ == "__main__":
    main(globals())
