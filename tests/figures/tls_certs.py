"""The certificates and protocols of `figure tls`: each row is a server that devices believe, or
not. The right CA's key is the one of the real server's data directory."""
import base64
import datetime
import hashlib
import ipaddress
import pathlib
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tls_front import server_context

NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
HERE = ("127.0.0.1",)
V = ssl.TLSVersion


def spki_digest(cert):
    return hashlib.sha256(cert.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).digest()


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def name_of(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def alternative(names):
    entries = []
    for name in names:
        try:
            entries.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            entries.append(x509.DNSName(name.removeprefix("dns:")))
    return x509.SubjectAlternativeName(entries)


class Signer:
    """A key and its certificate."""

    def __init__(self, key, cert):
        self.key, self.cert = key, cert

    @property
    def pem(self):
        return self.cert.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self):
        return self.key.private_bytes(serialization.Encoding.PEM,
                                      serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption())


def make(name, issuer=None, *, key=None, since=-10 * DAY, until=1000 * DAY, is_ca=False,
         names=(), usage=None):
    key = key or ec.generate_private_key(ec.SECP256R1())
    by = issuer or Signer(key, None)
    builder = x509.CertificateBuilder(
        name_of(issuer.cert.subject.rfc4514_string()[3:] if issuer else name), name_of(name),
        key.public_key(), x509.random_serial_number(), NOW + since, NOW + until)
    builder = builder.add_extension(x509.BasicConstraints(is_ca, None), True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
                                    False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key()), False)
    if names:
        builder = builder.add_extension(alternative(names), False)
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), False)
    return Signer(key, builder.sign(by.key, hashes.SHA256()))


class Certs:
    def __init__(self, tls, folder):
        """tls: of the real server, whose CA the devices know."""
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.count = 0
        key = serialization.load_pem_private_key((tls / "ca-key.pem").read_bytes(), None)
        self.ca = Signer(key, x509.load_pem_x509_certificate((tls / "ca.pem").read_bytes()))
        self.other = make("Other CA", is_ca=True)
        self.same_name = make("Godwit CA", is_ca=True)

    def file(self, data):
        self.count += 1
        path = self.folder / f"{self.count}.pem"
        path.write_bytes(data)
        return str(path)

    def context(self, leaf, *chain, **protocol):
        data = b"".join(one if isinstance(one, bytes) else one.pem for one in (leaf.pem, *chain))
        return server_context(self.file(data), self.file(leaf.key_pem), **protocol)


def chain_rows(certs):
    ca = certs.ca

    def leaf(issuer=ca, **wish):
        return make("godwit", issuer, **{"names": HERE, **wish})
    middle = make("Middle", ca, is_ca=True)
    old_middle = make("Middle", ca, is_ca=True, until=-DAY)
    expired_ca = make("Godwit CA", key=ca.key, is_ca=True, since=-900 * DAY, until=-DAY)
    future_ca = make("Godwit CA", key=ca.key, is_ca=True, since=DAY)
    good, impostor = leaf(), leaf(certs.same_name)
    small = rsa.generate_private_key(65537, 1024)
    return [
        ("leaf good", True, good, [ca]),
        ("leaf expired a year ago", False, leaf(since=-900 * DAY, until=-365 * DAY), [ca]),
        ("leaf expired a minute ago", False, leaf(until=-DAY / 1440), [ca]),
        ("leaf ends in an hour", True, leaf(until=DAY / 24), [ca]),
        ("leaf begins tomorrow", False, leaf(since=DAY), [ca]),
        ("leaf begins in an hour", False, leaf(since=DAY / 24), [ca]),
        ("leaf for another address", False, leaf(names=("127.0.0.2",)), [ca]),
        ("leaf for a name, asked by address", False, leaf(names=("localhost",)), [ca]),
        ("leaf for the address as a name", False, leaf(names=("dns:127.0.0.1",)), [ca]),
        ("leaf with its name as CN only", False, make("127.0.0.1", ca), [ca]),
        ("leaf without any name", False, leaf(names=()), [ca]),
        ("leaf for many names, this one too", True,
         leaf(names=[f"h{i}.example" for i in range(50)] + ["127.0.0.1"]), [ca]),
        ("leaf for servers", True, leaf(usage=ExtendedKeyUsageOID.SERVER_AUTH), [ca]),
        ("leaf for clients only", False, leaf(usage=ExtendedKeyUsageOID.CLIENT_AUTH), [ca]),
        ("leaf for signing code only", False, leaf(usage=ExtendedKeyUsageOID.CODE_SIGNING), [ca]),
        ("leaf with a key of 1024 bits", False, leaf(key=small), [ca]),
        ("CA expired", True, good, [expired_ca]),
        ("CA begins tomorrow", True, good, [future_ca]),
        ("CA expired, leaf expired", False, leaf(until=-DAY / 24), [expired_ca]),
        ("CA not sent", False, good, []),
        ("CA sent among others", True, good, [certs.other, certs.same_name, ca]),
        ("CA between, where the known one allows none", False, leaf(middle), [middle, ca]),
        ("CA between, not sent", False, leaf(middle), [ca]),
        ("CA between, expired", False, leaf(old_middle), [old_middle, ca]),
        ("CA another, right name", False, leaf(certs.other), [certs.other]),
        ("CA another, the known one beside it", False, leaf(certs.other), [certs.other, ca]),
        ("CA another of the same name", False, impostor, [certs.same_name]),
        ("CA another of the same name, the known one beside it", False, impostor,
         [ca, certs.same_name]),
        ("CA none, signed by itself", False, make("godwit", names=HERE), []),
        ("CA none, signed by itself, the known one beside it", False,
         make("godwit", names=HERE), [ca]),
        ("CA none, signed by itself and called a CA", False,
         make("Godwit CA", names=HERE, is_ca=True), [ca]),
        ("CA none, signed by a leaf of the known one", False, leaf(good), [good, ca]),
        ("CA's signature over another leaf", False,
         Signer(good.key, make("godwit", Signer(certs.other.key, ca.cert), key=good.key,
                               names=HERE).cert), [ca]),
    ]


def protocol_rows(certs):
    leaf = make("godwit", certs.ca, names=HERE)
    rsa_leaf = make("godwit", certs.ca, names=HERE,
                    key=rsa.generate_private_key(65537, 2048))
    old = {"low": V.TLSv1, "high": V.TLSv1_1, "ciphers": "ALL:@SECLEVEL=0"}
    v12, v13 = {"high": V.TLSv1_2}, {"low": V.TLSv1_3}
    return [
        ("protocol TLS 1.0", False, leaf, {**old, "high": V.TLSv1}),
        ("protocol TLS 1.1", False, leaf, old),
        ("protocol TLS 1.2", True, leaf, v12),
        ("protocol TLS 1.2, RSA certificate", True, rsa_leaf, v12),
        ("protocol TLS 1.3", True, leaf, v13),
        ("protocol TLS 1.3, RSA certificate", True, rsa_leaf, v13),
        ("protocol TLS 1.3 by way of another hello", True, leaf, {**v13, "curve": "secp384r1"}),
        ("protocol TLS 1.2 on another curve", True, leaf, {**v12, "curve": "secp384r1"}),
        ("cipher ChaCha20", True, leaf, {**v12, "ciphers": "ECDHE-ECDSA-CHACHA20-POLY1305"}),
        ("cipher AES-256-GCM", True, leaf, {**v12, "ciphers": "ECDHE-ECDSA-AES256-GCM-SHA384"}),
        ("cipher CBC", False, leaf, {**v12, "ciphers": "ECDHE-ECDSA-AES128-SHA256"}),
        ("cipher CBC with SHA-1", False, leaf, {**v12, "ciphers": "ECDHE-ECDSA-AES256-SHA"}),
        ("cipher without ECDHE", False, rsa_leaf, {**v12, "ciphers": "AES128-GCM-SHA256"}),
        ("cipher DHE", False, rsa_leaf, {**v12, "ciphers": "DHE-RSA-AES128-GCM-SHA256"}),
        ("cipher none", False, leaf, {**v12, "ciphers": "eNULL:@SECLEVEL=0"}),
        ("cipher without a certificate", False, leaf, {**v12, "ciphers": "aNULL:@SECLEVEL=0"}),
    ]


def rows(certs):
    """(name, is believed, the server's context, further words of the case)."""
    for name, is_believed, leaf, chain in chain_rows(certs):
        yield name, is_believed, certs.context(leaf, *chain), {}
    for name, is_believed, leaf, protocol in protocol_rows(certs):
        yield name, is_believed, certs.context(leaf, certs.ca, **protocol), {}
    by_name = make("godwit", certs.ca, names=("localhost",))
    yield "leaf for a name, asked by it", True, certs.context(by_name, certs.ca), \
        {"host": "localhost"}
    by_address = make("godwit", certs.ca, names=HERE)
    yield "leaf for an address, asked by name", False, certs.context(by_address, certs.ca), \
        {"host": "localhost"}
    # Public CAs are what the system's store says; for the device of this case it says this one.
    public = make("godwit", certs.other, names=HERE)
    yield "CA in the system's store only", False, certs.context(public, certs.other), \
        {"environment": {"SSL_CERT_FILE": certs.file(certs.other.pem)}}
