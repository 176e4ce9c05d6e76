"""`godwit serve` itself: its files, its ends, what it says when it can not start, and that what it
has acknowledged outlives a kill -9 and a full disk."""

import http.client
import json
import os
import re
import shutil
import signal
import sqlite3
import ssl
import stat
import subprocess
import threading
import time

from fixture import GODWIT, HANG_S, fixture, main


class Device:
    """A bare device: JSON over TLS, no flash."""

    def __init__(self, one, number):
        self.number = number
        self.token = f"{number:064x}"
        context = ssl.create_default_context(cafile=str(one.data / "tls" / "ca.pem"))
        host, port = one.url.removeprefix("https://").split(":")
        self.line = http.client.HTTPSConnection(host, int(port), context=context, timeout=HANG_S)

    def ask(self, bearer=None, **members):
        body = {"protocol": 1, "device_id": f"7cdfa1{self.number:06x}",
                "nonce": os.urandom(16).hex(), "project": "thermostat", "version": "1.0.0",
                "image_sha256": "77" * 32,
                "chip_id": 5, "slot_size": 1 << 20, **members}
        self.line.request("POST", "/v1/checkin", json.dumps(body),
                          {"Authorization": f"Bearer {bearer or self.token}"})
        answer = self.line.getresponse()
        text = answer.read()
        assert answer.status == 200, (answer.status, text)
        return json.loads(text)

    def join(self, claim):
        self.ask(bearer=claim, token=self.token)
        return self


def open_rows(one, sql):
    with sqlite3.connect(f"file:{one.data}/godwit.db?mode=ro", uri=True) as db:
        return db.execute(sql).fetchall()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_first_and_second_start():
    with fixture() as one:
        server = one.serve()
        first = one.text("serve.log")
        assert first.count("password") == 1 and "CA fingerprint" in first, first
        assert mode(one.data) == 0o700
        for name in ("admin-token", "deploy.pem", "tls/ca-key.pem", "tls/server-key.pem"):
            assert mode(one.data / name) == 0o600, name
        pins = [(one.data / name).read_bytes() for name in ("deploy.pem", "tls/ca.pem")]
        assert one.end(server, signal.SIGINT) == 0
        server = one.serve(log="again.log")
        assert "password" not in one.text("again.log")
        assert pins == [(one.data / name).read_bytes() for name in ("deploy.pem", "tls/ca.pem")]
        for line in one.text("again.log").splitlines():
            assert not line.startswith("time=") or " event=" in line, line
        assert one.end(server, signal.SIGTERM) == 0


def test_lost_keys_are_named():
    """What devices pin is never made anew behind their back."""
    with fixture() as one:
        assert one.end(one.serve()) == 0
        for name in ("deploy.pem", "tls/ca.pem"):
            path = one.data / name
            kept = path.read_bytes()
            path.unlink()
            line = one.refusal("serve", "--data", one.data, "--listen", "127.0.0.1:0")
            assert name.split("/")[-1] in line and "backup" in line, line
            assert not path.exists()
            path.write_bytes(kept)
            path.chmod(0o600)
        assert one.end(one.serve()) == 0


def test_cannot_start():
    with fixture() as one:
        rubbish = one.folder / "rubbish.pem"
        rubbish.write_text("rubbish")
        rubbish.chmod(0o600)
        rows = [
            (["--listen", "nonsense"], 2, "ADDRESS:PORT"),
            (["--listen", "1.2.3:8443"], 1, "is not an IP address"),
            (["--tls-cert", "/nowhere.pem"], 2, "give both"),
            (["--tls-key", "/nowhere.pem"], 2, "give both"),
            (["--data", ""], 2, "--data"),
            (["--tls-cert", "/nowhere.pem", "--tls-key", "/nowhere.key"], 1, "/nowhere.pem"),
            (["--tls-cert", rubbish, "--tls-key", rubbish], 1, "holds no certificate"),
            (["--tls-cert", GODWIT, "--tls-key", GODWIT], 1, "chmod 600"),
            (["--data", one.folder / "file"], 1, "is a file"),
            (["--data", "/proc/nowhere"], 1, "--data"),
        ]
        (one.folder / "file").write_text("x")
        for start in ("first", "second"):
            for words, status, expected in rows:
                line = one.refusal("serve", "--data", one.data, *words, status=status)
                assert expected in line, (start, line)
            assert start == "second" or not one.data.exists(), "a failed first start left something"
            one.end(one.serve(log=f"{start}.log"))
        (one.data / "godwit.db").write_bytes(b"no database" * 1000)
        line = one.refusal("serve", "--data", one.data)
        assert "database" in line, line


def test_port_and_directory_taken():
    with fixture() as one:
        one.serve()
        taken = one.url.removeprefix("https://")
        line = one.refusal("serve", "--data", one.data, "--listen", taken)
        assert "another godwit serves" in line, line
        other = one.folder / "other"
        line = one.refusal("serve", "--data", other, "--listen", taken)
        assert "is in use" in line and not other.exists(), line


def test_deploy_key_that_can_not_be_used():
    with fixture() as one:
        one.end(one.serve())
        path = one.data / "deploy.pem"
        good = path.read_bytes()
        one.run("keygen", "--scheme", "rsa3072", one.folder / "rsa.pem")
        for content in (b"", b"garbage", (one.folder / "rsa.pem").read_bytes()):
            path.write_bytes(content)
            line = one.refusal("serve", "--data", one.data, "--listen", "127.0.0.1:0")
            assert "deploy.pem" in line and "backup" in line, line
            assert path.read_bytes() == content
        path.write_bytes(good)
        path.chmod(0o644)
        line = one.refusal("serve", "--data", one.data, "--listen", "127.0.0.1:0")
        assert "chmod 600" in line, line
        path.chmod(0o600)
        one.serve(log="again.log")


def test_unwritable_directory():
    """As an ordinary user: whoever runs the tests may be root, who may write anywhere."""
    with fixture() as one:
        one.data.mkdir(mode=0o755)
        one.folder.chmod(0o755)
        shutil.copy(GODWIT, one.folder / "godwit")
        user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        prefix = user if os.getuid() == 0 else []
        if not prefix:
            one.data.chmod(0o555)
        for data in (one.data, one.data / "deeper"):
            done = subprocess.run([*prefix, one.folder / "godwit", "serve", "--data", data,
                                   "--listen", "127.0.0.1:0"], capture_output=True, text=True)
            assert done.returncode == 1 and done.stderr.count("\n") == 1, done
            assert "--data" in done.stderr and not list(one.data.iterdir()), done


def test_a_given_certificate():
    with fixture() as one:
        one.end(one.serve())
        own = one.data / "tls"
        given = [one.folder / "chain.pem", one.folder / "chain.key"]
        given[0].write_bytes((own / "server.pem").read_bytes())
        given[1].write_bytes((own / "server-key.pem").read_bytes())
        given[1].chmod(0o600)
        one.serve("--tls-cert", given[0], "--tls-key", given[1])
        assert json.loads((one.data / "server.json").read_text())["ca"] == str(given[0])


def asked_with(one, token):
    """The status that a token gets."""
    context = ssl.create_default_context(cafile=str(one.data / "tls" / "ca.pem"))
    host, port = one.url.removeprefix("https://").split(":")
    line = http.client.HTTPSConnection(host, int(port), context=context, timeout=HANG_S)
    line.request("GET", "/api/v1/status", headers={"Authorization": f"Bearer {token}"})
    return line.getresponse().status


def test_an_admin_token_ends():
    """What the file held before is void at the next start: deleted, replaced, put back."""
    with fixture() as one:
        path = one.data / "admin-token"
        server = one.serve()
        first = path.read_text().strip()
        assert asked_with(one, first) == 200
        one.end(server)
        path.unlink()
        server = one.serve(log="made-anew.log")
        assert "event=admin_token_renewed" in one.text("made-anew.log")
        second = path.read_text().strip()
        assert [asked_with(one, token) for token in (first, second)] == [401, 200]
        one.end(server)
        third = "gwa." + os.urandom(32).hex()
        path.write_text(third + "\n")
        server = one.serve()
        assert [asked_with(one, token) for token in (first, second, third)] == [401, 401, 200]
        one.end(server)
        path.write_text("rubbish")
        server = one.serve(log="renewed.log")
        fourth = path.read_text().strip()
        assert "event=admin_token_renewed" in one.text("renewed.log")
        assert mode(path) == 0o600
        assert [asked_with(one, token) for token in (third, fourth)] == [401, 200]
        one.end(server)
        one.serve()
        assert asked_with(one, fourth) == 200, "a start without a change ends nothing"


def test_open_secrets_are_refused():
    """All alike, and by each command that reads them."""
    with fixture() as one:
        one.end(one.serve())
        for name in ("deploy.pem", "admin-token", "tls/ca-key.pem", "tls/server-key.pem"):
            path = one.data / name
            for open_mode in (0o640, 0o604):
                path.chmod(open_mode)
                for words in (["serve", "--listen", "127.0.0.1:0"], ["rekey"], ["ca"]):
                    line = one.refusal(*words, "--data", one.data)
                    assert name in line and "chmod 600" in line, line
                assert mode(path) == open_mode
            path.chmod(0o600)
        one.data.chmod(0o770)
        assert "chmod 700" in one.refusal("serve", "--data", one.data)
        one.data.chmod(0o755)
        (one.data / "godwit.db").chmod(0o644)
        server = one.serve(log="open.log")
        assert "other users can look into it; chmod 700" in one.text("open.log")
        assert mode(one.data / "godwit.db") == 0o600 and mode(one.data) == 0o755
        one.end(server)
        one.data.chmod(0o700)
        given = [one.folder / "chain.pem", one.folder / "chain.key"]
        given[0].write_bytes((one.data / "tls" / "server.pem").read_bytes())
        given[1].write_bytes((one.data / "tls" / "server-key.pem").read_bytes())
        given[1].chmod(0o644)
        line = one.refusal("serve", "--data", one.folder / "new", "--tls-cert", given[0],
                           "--tls-key", given[1])
        assert "chain.key" in line and "chmod 600" in line, line
        assert not (one.folder / "new").exists()


def test_kill_keeps_what_was_acknowledged():
    with fixture() as one:
        server = one.serve()
        one.run("upload", one.pack("1.0.0"))
        claim = one.run("claim", "add", "thermostat", "--count", 4).strip()
        devices = [Device(one, number).join(claim) for number in range(1, 5)]
        acknowledged = {}

        def report(device):
            try:
                for outcome in range(1, 100000):
                    answer = device.ask(outcome={"id": outcome, "stage": "rolled-back",
                                                 "reason": 91, "detail": f"number {outcome}"})
                    assert answer["outcome_id"] == outcome
                    acknowledged[device.number] = outcome
            except (OSError, http.client.HTTPException):
                pass  # killed

        threads = [threading.Thread(target=report, args=[device]) for device in devices]
        for thread in threads:
            thread.start()
        time.sleep(1.0)
        one.end(server, signal.SIGKILL)
        for thread in threads:
            thread.join()
        assert len(acknowledged) == 4 and min(acknowledged.values()) > 3, acknowledged
        print(f"  {sum(acknowledged.values())} outcomes acknowledged before the kill")
        one.serve(log="again.log")
        assert re.search("event=serving .* devices=4$", one.text("again.log"), re.M)
        for number, last in acknowledged.items():
            details = {row[0] for row in open_rows(
                one, "select e.detail from events e join devices d on d.id = e.device"
                f" where hex(d.device_id) like '7CDFA1{number:06X}%'")}
            missing = [n for n in range(1, last + 1) if f"number {n}" not in details]
            assert not missing, f"device {number}: {missing[:5]} were acknowledged and are gone"
            answer = Device(one, number).ask(outcome={"id": last, "stage": "rolled-back",
                                                      "reason": 91})
            assert answer["outcome_id"] == last


def test_kill_right_after_an_enrolment():
    """What just enrolled is waited for by a rollout, not passed over as incompatible."""
    with fixture() as one:
        server = one.serve()
        one.run("upload", one.pack("1.1.0"))
        device = Device(one, 1).join(one.run("claim", "add", "thermostat").strip())
        one.end(server, signal.SIGKILL)
        one.serve(log="again.log")
        image = one.json("status")["releases"][0]["images"][0]["image_sha256"]
        deploy = ("deploy", "thermostat", "1.1.0", "--wait", "--timeout", 1, "--json")
        rollout = json.loads(one.run(*deploy, status=1))
        assert rollout["state"] == "running" and rollout["succeeded"] == 0, rollout
        assert rollout["devices"][0]["state"] == "queued", rollout
        device = Device(one, 1)
        device.ask()
        device.ask(version="1.1.0", image_sha256=image, on_trial=True)
        assert one.json("status")["rollouts"][0]["state"] == "running", "not while on trial"
        device.ask(version="1.1.0", image_sha256=image)
        rollout = one.json("status")["rollouts"][0]
        assert rollout["state"] == "done" and rollout["succeeded"] == 1, rollout


def test_each_decision_is_logged_once():
    with fixture() as one:
        one.serve()
        one.run("upload", one.pack("1.1.0"))
        device = Device(one, 1).join(one.run("claim", "add", "thermostat").strip())

        def told():
            for _ in range(3):
                device.ask()
            return [line.split("tells=")[1] for line in one.text("serve.log").splitlines()
                    if "event=decision device=7cdfa1000001 " in line]

        said = ["no-update reason=no-rollout rollout=0"]
        assert told() == said, told()
        one.run("deploy", "thermostat", "1.1.0")
        said.append("install reason=offered rollout=1")
        assert told() == said, told()


FULL_DISK = r"""
mount -t tmpfs -o size=4m tmpfs "$1" || exit 77
"$2" serve --data "$1/data" --listen 127.0.0.1:0 --reserve 0 >"$3.log" 2>&1 &
server=$!
for i in $(seq 100); do test -s "$1/data/server.json" && break; sleep 0.1; done
export GODWIT_DATA="$1/data"
"$2" upload "$3" >"$3.first" 2>&1; first=$?
head -c 8m /dev/zero >"$1/filler" 2>/dev/null
"$2" upload "$4" >"$3.second" 2>&1; second=$?
ls "$1/data/blobs" | wc -l >"$3.count"
rm "$1/filler"
"$2" upload "$4" >"$3.third" 2>&1; third=$?
kill $server; wait $server
echo "$first $second $third $?"
"""


START_ON_FULL_DISK = r"""
mount -t tmpfs -o size=4m tmpfs "$1" || exit 77
fill() { head -c 8m /dev/zero >"$1/filler" 2>/dev/null; }
refuse() {
    timeout 60 "$2" serve --data "$1/data" --listen 127.0.0.1:0 >"$3.out" 2>"$3.said.$4"
    echo "$4 $?" $(ls "$1" | grep -v filler)
}
serve() {
    "$2" serve --data "$1/data" --listen 127.0.0.1:0 >"$3.log" 2>&1 &
    for i in $(seq 300); do test -s "$1/data/server.json" && break; sleep 0.1; done
    GODWIT_DATA="$1/data" "$2" status >/dev/null; echo "$4 status $?"
    kill $!; wait $!; echo "$4 end $?"; rm -f "$1/data/server.json"
}
fill "$@"; refuse "$@" first
mkdir "$1/data"; touch "$1/data/godwit.db"; refuse "$@" halfway
rm "$1/filler"; serve "$@" freed
fill "$@"; refuse "$@" later
rm "$1/filler"; serve "$@" again
"""


def in_small_disk(one, script, *words):
    """Output of a script that mounts a tmpfs of 4 MiB in a namespace of its own; None: it can not.
    """
    small = one.folder / "small"
    small.mkdir()
    can = subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0
    prefix = ["unshare", "-m"] if can else ["unshare", "-rm"]
    words = ["bash", "-c", script, "bash", small, GODWIT, *words]
    done = subprocess.run([*prefix, *map(str, words)], capture_output=True, text=True,
                          timeout=HANG_S)
    if done.returncode == 77 or "unshare" in done.stderr:
        print("  skipped: no mount namespace here")
        return None
    return done


def test_start_on_a_full_disk():
    """The first, one that goes on where another broke off, and a later one."""
    with fixture() as one:
        done = in_small_disk(one, START_ON_FULL_DISK, one.folder / "start")
        if not done:
            return
        assert done.stdout.splitlines() == [
            "first 1", "halfway 1 data", "freed status 0", "freed end 0",
            "later 1 data", "again status 0", "again end 0"], (done.stdout, done.stderr)
        for name in ("first", "halfway", "later"):
            said = one.text(f"start.said.{name}")
            assert "is full; free" in said and said.count("\n") == 1, (name, said)


def test_full_disk():
    """A real one: a tmpfs of 4 MiB in a mount namespace of its own."""
    with fixture() as one:
        first, second = one.pack("1.0.0"), one.pack("1.1.0", size=262144)
        done = in_small_disk(one, FULL_DISK, first, second)
        if not done:
            return
        said = (one.folder / (first.name + ".second")).read_text()
        assert done.stdout.split() == ["0", "1", "0", "0"], (done.stdout, done.stderr, said)
        assert "disk is full" in said and said.count("\n") == 1, said
        assert (one.folder / (first.name + ".count")).read_text().strip() == "1"


if __name__ == "__main__":
    main(globals())
