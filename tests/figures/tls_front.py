"""What stands between a device and its server in `figure tls`: a front that spoils the first
connections, record by record or with certificates of its own, and then is honest."""
import hashlib
import select
import socket
import ssl
import struct
import threading

JOURNAL_AT, RECORD_SIZE = 0x10000, 0x2000  # the partition "godwit" of an emulated flash
TO_SERVER, TO_DEVICE = 0, 1


def reset(sock):
    """RST instead of FIN."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.shutdown(socket.SHUT_RD)  # another thread may wait in it, and would keep it open
    except OSError:
        pass
    sock.close()


def listen(port=0):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen(16)
    return sock


def connect(port):
    sock = socket.create_connection(("127.0.0.1", port), timeout=40)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def take(sock):
    """What has come; None: nothing whole yet; b"": the end."""
    try:
        return sock.recv(65536)
    except (ssl.SSLWantReadError, BlockingIOError):
        return None


def join_both(one, other, seen=None):
    """Both directions until either ends. One thread: OpenSSL's connections bear no two."""
    pairs = {one: other, other: one}
    try:
        while True:
            ready = [sock for sock in pairs if getattr(sock, "pending", lambda: 0)()]
            for sock in ready or select.select(list(pairs), [], [], 40)[0]:
                sock.setblocking(False)
                data = take(sock)
                sock.settimeout(40)
                if data == b"":
                    return
                if data and sock is one and seen:
                    seen(data)
                if data:
                    pairs[sock].sendall(data)
    finally:
        one.close()
        other.close()


def plain_context():
    """To the real server, whom a front need not check."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def server_context(chain, key, low=ssl.TLSVersion.TLSv1_2, high=ssl.TLSVersion.TLSv1_3,
                   ciphers=None, curve=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = low, high
    context.set_ciphers(ciphers or "DEFAULT:@SECLEVEL=0")  # OpenSSL itself would hold back
    if curve:
        context.set_ecdh_curve(curve)
    context.load_cert_chain(chain, key)
    return context


class Front:
    """Listens; the first `spoiled` connections go to spoil(front, sock, index), the rest straight
    to the server. What it saw is judged afterwards."""

    def __init__(self, server_port, spoil, spoiled, flash=None, port=0):
        self.server_port, self.spoil, self.spoiled, self.flash = server_port, spoil, spoiled, flash
        self.connections = self.handshakes = self.requests = self.resumed = 0
        self.records = []  # of the flash, at each connection: what is kept must not change
        self.notes = []
        self.socket = listen(port)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            sock.settimeout(40)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            index = self.connections
            self.connections += 1
            if index <= self.spoiled:
                self.look()
            threading.Thread(target=self.serve, args=(sock, index), daemon=True).start()

    def look(self):
        if self.flash and self.flash.exists():
            with open(self.flash, "rb") as file:
                file.seek(JOURNAL_AT)
                self.records.append(hashlib.sha256(file.read(RECORD_SIZE)).digest())

    def serve(self, sock, index):
        try:
            if index < self.spoiled:
                self.spoil(self, sock, index)
            else:
                join_both(sock, connect(self.server_port))
        except (OSError, ValueError) as error:
            self.notes.append(f"{type(error).__name__}: {error}")
        finally:
            sock.close()

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def terminate(self, sock, context):
        """The TLS handshake; None where the device refused it."""
        try:
            tls = context.wrap_socket(sock, server_side=True)
        except (ssl.SSLError, OSError) as error:
            self.notes.append(str(error))
            return None
        self.handshakes += 1
        self.resumed += bool(tls.session_reused)
        return tls

    def count(self, data):
        self.requests += data.count(b" HTTP/1.1\r\n")


# ---- certificates of one's own ----

def shows(context):
    """Answers for the server behind a certificate of one's own."""
    def spoil(front, sock, _):
        tls = front.terminate(sock, context)
        if tls:
            join_both(tls, plain_context().wrap_socket(connect(front.server_port)), front.count)
    return spoil


def call_server(front, tls):
    """One whole request to the real server: (head, body) of its reply."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += tls.recv(65536)
    head, body = request.split(b"\r\n\r\n", 1)
    size = next((int(line[15:]) for line in head.split(b"\r\n")
                 if line.lower().startswith(b"content-length:")), 0)
    while len(body) < size:
        body += tls.recv(65536)
    front.count(request)
    with plain_context().wrap_socket(connect(front.server_port)) as up:
        up.sendall(head + b"\r\nConnection: close\r\n\r\n" + body)
        answer = b""
        try:
            while data := up.recv(65536):
                answer += data
        except ssl.SSLError:
            pass
    return answer.split(b"\r\n\r\n", 1)


def close_notify(tls, properly):
    """close_notify, or a bare FIN. The device's own close notify is not waited for long."""
    if properly:
        tls.settimeout(2)
        try:
            tls.unwrap()
        except OSError:
            pass
    tls.close()


def answers(context, write):
    """Each connection: one request, the real answer as write(tls, head, body) says it."""
    def spoil(front, sock, _):
        tls = front.terminate(sock, context)
        if tls:
            write(tls, *call_server(front, tls))
    return spoil


# ---- records ----

def read_exactly(sock, size):
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise EOFError(data)
        data += piece
    return data


def records(sock):
    """(header, payload) of each TLS record; ends with the stream."""
    while True:
        try:
            header = read_exactly(sock, 5)
            yield header, read_exactly(sock, int.from_bytes(header[3:], "big"))
        except (EOFError, OSError):
            return


class Cut(Exception):
    """The connection ends here, both ways; sends these bytes first."""

    def __init__(self, how, data=b""):
        super().__init__(how)
        self.how, self.data = how, data


def by_journal(port, rule):
    """Hands on record by record; rule(front, direction, number, header, payload) gives the bytes
    to send in its place, or raises Cut. port: of the server to use, None: the front's own."""
    def spoil(front, sock, _):
        up = connect(port or front.server_port)
        over = threading.Event()

        def pump(direction, source, sink):
            try:
                for number, (header, payload) in enumerate(records(source)):
                    for piece in rule(front, direction, number, header, payload):
                        sink.sendall(piece)
            except Cut as cut:
                try:
                    sink.sendall(cut.data)
                except OSError:
                    pass
                if cut.how == "stall":
                    return  # nothing more, and no end either
                for one in (sink, source):
                    if cut.how == "reset":
                        reset(one)
                        continue
                    try:
                        one.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass  # the device was faster
            except OSError:
                pass
            over.set()

        threads = [threading.Thread(target=pump, args=args, daemon=True)
                   for args in ((TO_SERVER, sock, up), (TO_DEVICE, up, sock))]
        for thread in threads:
            thread.start()
        # The device ends a stalled connection by itself; then it is readable for the select.
        while not over.is_set():
            over.wait(0.1)
            if all(not thread.is_alive() for thread in threads):
                break
        threads[TO_DEVICE].join(1)
        for one in (sock, up):
            one.close()
    return spoil


def raw(data, then="fin"):
    """Answers the first bytes of the device with these, then ends or stays silent."""
    def spoil(_, sock, __):
        hello = sock.recv(4096)
        sock.sendall(data(hello) if callable(data) else data)
        if then == "wait":
            while select.select([sock], [], [], 40)[0] and sock.recv(4096):
                pass
        elif then == "reset":
            reset(sock)
    return spoil
