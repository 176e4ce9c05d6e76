"""`godwit upload` over a line that is cut again and again: it continues, and sends no byte twice
but those that were under way."""

import json
import socket
import sys
import threading

from fixture import HANG_S, fixture, free_port, main

PIECE = 65536


class Relay:
    """To the server and back; each of the first `cuts` connections ends after so many bytes."""

    def __init__(self, port, cuts, after):
        self.port, self.cuts, self.after = port, cuts, after
        self.bytes = 0
        self.listener = socket.create_server(("127.0.0.1", free_port()))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.port), timeout=HANG_S)
            threading.Thread(target=self.carry, args=(far, line, None), daemon=True).start()
            threading.Thread(target=self.carry, args=(line, far, self.after), daemon=True).start()

    def carry(self, source, sink, after):
        carried = 0
        try:
            while data := source.recv(PIECE):
                sink.sendall(data)
                carried += len(data)
                if after is not None:
                    self.bytes += len(data)
                if after is not None and carried > after and self.cuts > 0:
                    self.cuts -= 1
                    break
        except OSError:
            pass
        for one in (source, sink):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def test_it_continues():
    with fixture() as server:
        server.serve()
        image = server.pack("1.0.0", size=2 << 20)
        size = image.stat().st_size
        relay = Relay(int(server.url.rsplit(":", 1)[1]), cuts=3, after=size // 4)
        path = server.data / "server.json"
        path.write_text(json.dumps(dict(json.loads(path.read_text()), connect=relay.address)))
        understood = server.json("upload", image)
        assert understood["version"] == "1.0.0" and understood["size"] == size
        assert relay.cuts == 0, f"{relay.cuts} cuts are left"
        assert relay.bytes < 2 * size, f"{relay.bytes} bytes were sent for {size}"
        assert not list((server.data / "uploads").iterdir())
        relay.listener.close()


if __name__ == "__main__":
    main(dict(globals()))
    sys.exit(0)
