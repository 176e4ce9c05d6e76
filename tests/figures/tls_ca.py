"""The change of the CA from first to last, twice, for `figure tls`: a service that is restarted as
its manual says, devices that are awake, asleep, killed or new, and a thief with the former CA."""
import json
import signal
import time

import tls_certs
import tls_front as front
from fixture import PRODUCT, World, wait_until

EVERY = 1 << 30
ROLES = ("awake", "asleep", "long-asleep", "killed", "ticket", "planted", "late")
NAMES = []


def step(name):
    """A case of the scenario: a method that asserts."""
    def mark(method):
        NAMES.append(name)
        method.step = name
        return method
    return mark


class Story:
    def __init__(self):
        self.world = World()
        self.server = self.world.serve()
        self.port = int(self.world.url.rsplit(":", 1)[1])
        self.first = self.world.pack("1.0.0")
        self.world.run("upload", self.first)
        self.join = self.world.enrolment(100)
        self.devices, self.marks = {}, {}
        self.tls = self.world.data / "tls"
        self.context = self.own_context()
        self.tickets = front.Front(self.port, self.spoil_tickets, EVERY)
        self.planter = front.Front(self.port, self.spoil_planting, EVERY)
        self.planted = tls_certs.make("Planted CA", is_ca=True)
        self.plant_context = self.own_context()

    # ---- what it is made of

    def own_context(self):
        return front.server_context(str(self.tls / "server.pem"), str(self.tls / "server-key.pem"))

    def spoil_tickets(self, one, sock, _):
        """One answer a connection, so that sessions are resumed."""
        tls = one.terminate(sock, self.context)
        if tls:
            head, body = front.call_server(one, tls)
            tls.sendall(head + b"\r\n\r\n" + body)
            front.close_notify(tls, True)

    def spoil_planting(self, one, sock, _):
        """The real chain and the real answers, with a CA of the thief's own put into them."""
        tls = one.terminate(sock, self.plant_context)
        if tls:
            _, body = front.call_server(one, tls)
            reply = json.loads(body)
            reply["next_ca"] = self.planted_digest().hex()
            body = json.dumps(reply).encode()
            tls.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
                        b"Content-Length: %d\r\n\r\n" % len(body) + body)
            front.close_notify(tls, True)

    def planted_digest(self):
        return tls_certs.spki_digest(self.planted.cert)

    def digest(self, name):
        data = (self.tls / name).read_bytes()
        return tls_certs.spki_digest(tls_certs.x509.load_pem_x509_certificate(data))

    def mac(self, role):
        return f"0267780000{ROLES.index(role):02x}"

    def start(self, role, port=None, join=None):
        words = list(join or self.join)
        words[words.index("--server") + 1] = f"https://127.0.0.1:{port or self.port}"
        flash = self.world.folder / f"{self.mac(role)}.bin"
        self.devices[role] = self.world.start("device", "--flash", flash, "--image", self.first,
                                              *words, log=f"{role}.log")

    def stop(self, role, number=signal.SIGTERM):
        self.world.end(self.devices.pop(role), number)

    def knows(self, role, digest):
        with open(self.world.folder / f"{self.mac(role)}.bin", "rb") as file:
            file.seek(front.JOURNAL_AT)
            return digest in file.read(front.RECORD_SIZE)

    def restart(self):
        self.world.end(self.server)
        self.server = self.world.serve("--listen", f"127.0.0.1:{self.port}")

    def checkins(self, role):
        try:
            return self.world.json("devices", self.mac(role))["facts"]["checkins"]
        except AssertionError:
            return 0

    def come_in(self, *roles, times=2):
        """Each asks so many times more and is answered."""
        before = {role: self.checkins(role) for role in roles}
        for role in roles:
            wait_until(lambda role=role: self.checkins(role) >= before[role] + times, 40,
                       f"{role}: {times} more check-ins")
            assert self.devices[role].poll() is None

    def besiege(self, context, *roles):
        """In the server's place stands someone else: each device comes twice, none is fooled."""
        self.world.end(self.server)
        self.tickets.server_port = 0  # it trusts everybody, and must not count as fooled
        one = front.Front(0, front.shows(context), EVERY, port=self.port)
        wait_until(lambda: one.connections >= 2 * len(roles), what="two tries of each device")
        handshakes, requests = one.handshakes, one.requests
        one.close()
        time.sleep(0.1)
        self.server = self.world.serve("--listen", f"127.0.0.1:{self.port}")
        self.tickets.server_port = self.port
        return handshakes, requests

    # ---- the scenario

    @step("CA change: devices join")
    def joining(self):
        for role in ("awake", "asleep", "long-asleep", "killed"):
            self.start(role)
        self.start("ticket", self.tickets.port)
        self.start("planted", self.planter.port)
        self.come_in(*self.devices)
        for role in ("asleep", "long-asleep"):
            self.stop(role)
        self.first_ca = self.digest("ca.pem")

    @step("CA change: a CA planted in a reply is not taken")
    def planting(self):
        assert self.planter.requests > 1
        assert not self.knows("planted", self.planted_digest())
        leaf = tls_certs.make("godwit", self.planted, names=tls_certs.HERE)
        paths = [self.world.folder / name for name in ("planted.pem", "planted-key.pem")]
        paths[0].write_bytes(leaf.pem + self.planted.pem)
        paths[1].write_bytes(leaf.key_pem)
        self.plant_context = front.server_context(*map(str, paths))
        handshakes, connections = self.planter.handshakes, self.planter.connections
        wait_until(lambda: self.planter.connections >= connections + 2, what="two more tries")
        assert self.planter.handshakes <= handshakes + 1  # one may have been under way
        requests = self.planter.requests
        time.sleep(1)
        assert self.planter.requests == requests
        self.stop("planted")

    @step("CA change: sessions are resumed before it")
    def resuming(self):
        wait_until(lambda: self.tickets.resumed >= 2, what="a resumed session")
        self.first_context = self.context

    @step("CA change: the next one is announced and kept")
    def announcing(self):
        self.world.run("ca", "--data", self.world.data, "--next")
        self.next_ca = self.digest("next-ca.pem")
        self.come_in("awake", times=1)
        assert not self.knows("awake", self.next_ca)  # a restart makes it count
        self.restart()
        self.come_in("awake", "killed", "ticket")
        for role in ("awake", "killed", "ticket"):
            assert self.knows(role, self.next_ca), role
        self.stop("killed", signal.SIGKILL)

    @step("CA change: awake devices change with the service")
    def switching(self):
        self.former = tuple((self.tls / name).read_bytes() for name in ("server.pem",
                                                                         "server-key.pem"))
        self.world.run("ca", "--data", self.world.data, "--switch")
        self.restart()
        assert self.digest("ca.pem") == self.next_ca
        self.context = self.own_context()
        self.come_in("awake", "ticket", times=3)

    @step("CA change: a device that slept through it follows")
    def waking(self):
        self.start("asleep")
        self.come_in("asleep", times=3)
        assert self.knows("asleep", self.next_ca)

    @step("CA change: a device that was killed in the middle follows")
    def recovering(self):
        self.start("killed")
        self.come_in("killed", times=3)

    def former_context(self):
        paths = [self.world.folder / name for name in ("former.pem", "former-key.pem")]
        for path, data in zip(paths, self.former):
            path.write_bytes(data)
        return front.server_context(*map(str, paths))

    @step("CA change: the former CA is trusted no more")
    def revoking(self):
        handshakes, requests = self.besiege(self.former_context(), "awake", "asleep", "killed")
        assert (handshakes, requests) == (0, 0), (handshakes, requests)
        self.come_in("awake", "asleep", "killed")

    @step("CA change: the former CA is trusted by one that has not heard (control)")
    def control(self):
        for role in ("awake", "asleep", "killed"):
            self.stop(role)
        self.start("long-asleep")
        handshakes, _ = self.besiege(self.former_context(), "long-asleep")
        self.stop("long-asleep")
        assert handshakes > 0
        for role in ("awake", "asleep", "killed"):
            self.start(role)

    @step("CA change: a session of the former CA is not resumed")
    def resuming_the_former(self):
        self.come_in("ticket")
        before = self.tickets.resumed, self.tickets.requests, self.tickets.connections
        self.context = self.first_context  # the thief has its ticket keys too
        wait_until(lambda: self.tickets.connections >= before[2] + 3, what="three tries")
        requests = self.tickets.requests
        assert requests <= before[1] + 1, "a request came by the former CA"
        time.sleep(2)
        assert self.tickets.requests == requests
        self.context = self.own_context()
        self.come_in("ticket")

    @step("CA change: a second one, unannounced, is followed")
    def second(self):
        for action in ("--next", "--switch"):
            self.world.run("ca", "--data", self.world.data, action)
        self.restart()
        self.context = self.own_context()
        self.come_in("awake", "asleep", "killed", "ticket", times=3)
        for role in ("awake", "asleep", "killed", "ticket"):
            assert self.knows(role, self.digest("ca.pem")), role

    @step("CA change: a device that slept through two follows")
    def waking_late(self):
        self.start("long-asleep")
        self.come_in("long-asleep", times=3)
        assert self.knows("long-asleep", self.digest("ca.pem"))

    @step("CA change: an old claim token still lets a device join")
    def joining_late(self):
        self.start("late")
        self.come_in("late", times=3)
        self.stop("late")

    @step("CA change: a new claim token carries the new CA")
    def joining_new(self):
        token = self.world.run("claim", "add", PRODUCT).strip()
        assert token.split(".")[2] == tls_certs.base64url(self.digest("ca.pem"))
        assert self.join[3].split(".")[2] == tls_certs.base64url(self.first_ca)
        handshakes, _ = self.besiege(self.former_context(), "awake", "long-asleep")
        assert handshakes == 0

    @step("CA change: devices are updated behind it")
    def updating(self):
        self.world.run("upload", self.world.pack("1.1.0"))
        self.come_in("awake", "long-asleep", times=1)
        self.world.run("deploy", PRODUCT, "1.1.0", "--to", self.mac("awake"), "--to",
                       self.mac("long-asleep"), "--wait", "--timeout", 50)
        for role in ("awake", "long-asleep"):
            assert "confirmed: 1.1.0" in self.world.text(f"{role}.log")

    def run(self):
        fault = None
        for method in Story.__dict__.values():
            name = getattr(method, "step", None)
            if not name:
                continue
            if fault is None:
                try:
                    method(self)
                except (AssertionError, OSError, ValueError, KeyError) as error:
                    fault = f"{type(error).__name__}: {error}"
                    print(f"---- {name}: {fault}")
                    for role in ROLES:
                        print(f"-- {role}\n{self.world.text(role + '.log')[-1500:]}")
            else:
                fault = "a step before it failed"
            yield name, fault

    def close(self):
        self.tickets.close()
        self.planter.close()
        self.world.close()


def story(wanted):
    """(name, None or the fault) of each step; all of them where one is wanted."""
    if not any(wanted in name for name in NAMES):
        return
    one = Story()
    try:
        yield from one.run()
    finally:
        one.close()
