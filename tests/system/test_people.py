#!/usr/bin/env python3
"""People by the command line: users, roles, tokens, sessions and organisations; a second factor
with the codes of RFC 6238 and recovery codes; the password asked for again; and the way in again
on the data directory of a server that is stopped."""
import base64
import hashlib
import hmac
import json
import os
import pty
import re
import select
import sqlite3
import struct
import subprocess
import time

from fixture import GODWIT, HANG_S, fixture, main


def totp(secret, now=None):
    """Six digits of RFC 6238: SHA-1, 30 s."""
    step = struct.pack(">Q", int(time.time() if now is None else now) // 30)
    digest = hmac.new(base64.b32decode(secret), step, hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 1000000:06d}"


class Codes:
    """Codes of one secret, each once, for a used one is refused. The server takes the step before
    and the one after its clock's too, so most of the time nobody has to wait."""

    def __init__(self, secret):
        self.secret = secret
        is_early = time.time() % 30 < 20
        self.last = int(time.time()) // 30 - (2 if is_early else 1)

    def next(self):
        while self.last > int(time.time()) // 30:
            time.sleep(0.1)
        self.last += 1
        return totp(self.secret, self.last * 30)


def typed(one, words, answers, status=0):
    """A command at a terminal, where each question is answered in turn; all that it printed."""
    here, there = pty.openpty()
    process = subprocess.Popen([GODWIT, *map(str, words)], stdin=there, stdout=there, stderr=there,
                               env=one.environment, cwd=one.folder)
    os.close(there)
    seen, asked, until = "", 0, time.monotonic() + HANG_S
    while True:
        assert time.monotonic() < until, f"{words} hangs after {seen!r}"
        if not select.select([here], [], [], 0.1)[0]:
            if process.poll() is not None:
                break
            continue
        try:
            data = os.read(here, 4096)
        except OSError:
            break
        seen += data.decode(errors="replace")
        while asked < len(answers) and answers[asked][0] in seen:
            answer = answers[asked][1]
            os.write(here, (answer() if callable(answer) else answer).encode() + b"\n")
            seen = seen.replace(answers[asked][0], "(asked)", 1)
            asked += 1
    os.close(here)
    assert process.wait(HANG_S) == status, (words, seen)
    assert asked == len(answers), f"{words} did not ask for {answers[asked][0]!r}: {seen!r}"
    return seen


def as_person(one):
    """The same fixture as a person on another machine: no data directory, a folder for sessions."""
    one.environment.pop("GODWIT_DATA", None)
    return ["--ca", one.data / "tls" / "ca.pem"]


def first_password(one):
    return re.search(r"^password +(\S+)", one.text("serve.log"), re.M)[1]


def shown(text, name):
    return re.search(rf"^{name} +(\S+)", text, re.M)[1]


def tokens(one):
    return {row["name"]: row for row in one.json("token", "list")["tokens"]}


def test_users():
    with fixture() as one:
        one.serve()
        made = one.run("user", "add", "otto", "--role", "operator")
        password = shown(made, "password")
        assert "operator" in one.run("user", "list") and "otto" in one.run("user", "list")
        assert "name is taken" in one.refusal("user", "add", "otto")
        assert '"role" must be' in one.refusal("user", "role", "otto", "king")
        assert "least one admin" in one.refusal("user", "remove", "admin")
        assert "no such user" in one.refusal("user", "role", "nobody", "viewer")
        assert "12 characters" in one.refusal("user", "password", "otto", "--password", "short")
        assert "none of list, add" in one.refusal("user", "lsit", status=2)
        url, ca = one.url, one.data / "tls" / "ca.pem"
        as_person(one)
        login = ["login", url, "--ca", ca, "--user", "otto", "--password", password]
        assert "operator of default" in one.run(*login)
        assert "role admin and you are operator" in one.refusal("user", "list")
        assert "otto" in one.run("session", "show")
        one.run("user", "password", "--password", "four odd words here")
        assert "otto" in one.run("session", "show"), "one's own session stays"
        assert "password is wrong" in one.refusal(*login)
        one.run("logout")
        assert "no session is kept" in one.refusal("logout")
        assert "log in with" in one.refusal("session", "show")
        one.environment["GODWIT_DATA"] = str(one.data)
        one.run("user", "remove", "otto")
        assert "otto" not in one.run("user", "list")


def test_tokens_and_sessions():
    with fixture() as one:
        one.serve()
        made = one.run("token", "add", "a builder", "--scope", "read", "--scope", "upload",
                       "--user", "admin", "--days", 7)
        row = tokens(one)["a builder"]
        assert row["scopes"] == ["read", "upload"]
        assert 6 * 86400 < row["expires"] - time.time() <= 7 * 86400
        line = subprocess.run(
            ["curl", "-s", "--cacert", one.data / "tls" / "ca.pem", "-H",
             f"Authorization: Bearer {shown(made, 'token')}", f"{one.url}/api/v1/status"],
            capture_output=True, text=True, timeout=HANG_S)
        assert "releases" in json.loads(line.stdout), line
        assert "--scope is missing" in one.refusal("token", "add", "x", status=2)
        assert '"scopes" must be' in one.refusal("token", "add", "x", "--scope", "all",
                                                 "--user", "admin")
        one.run("token", "revoke", shown(made, "id"))
        assert "no such API token" in one.refusal("token", "revoke", shown(made, "id"))
        assert "a builder" not in tokens(one)
        url, ca = one.url, one.data / "tls" / "ca.pem"
        as_person(one)
        one.run("login", url, "--ca", ca, "--password", first_password(one))
        mark = one.json("session", "show")["id"]
        assert mark in one.run("session", "list")
        one.run("session", "revoke", mark)
        assert "log in with" in one.refusal("session", "show")
        assert "logged out" in one.run("logout"), "one that has ended is as good"


def test_organisations():
    with fixture() as one:
        one.serve()
        made = one.run("org", "add", "acme", "eve")
        assert "acme" in one.run("org", "list")
        assert "is there once" in one.refusal("org", "add", "acme", "eva")
        assert "eve" in one.run("user", "list", "--org", "acme")
        assert "eve" not in one.run("user", "list")
        assert "no such organisation" in one.refusal("user", "list", "--org", "nobody")
        one.run("user", "add", "admin", "--join", "--role", "viewer", "--org", "acme")
        url, ca = one.url, one.data / "tls" / "ca.pem"
        as_person(one)
        login = ["login", url, "--ca", ca, "--password"]
        assert "admin of acme" in one.run(*login, shown(made, "password"), "--user", "eve")
        assert "own machine" in one.refusal("org", "list")
        assert "viewer of acme" in one.run(*login, first_password(one), "--org", "acme")
        assert "admin of default" in one.run(*login, first_password(one))


def set_up_factor(one):
    """Its codes and the recovery codes."""
    here = subprocess.Popen([GODWIT, "user", "factor"], stdin=subprocess.PIPE, text=True,
                            stdout=subprocess.PIPE, env=one.environment, cwd=one.folder)
    head = "".join(here.stdout.readline() for _ in range(3))
    codes = Codes(shown(head, "secret"))
    out, _ = here.communicate(codes.next() + "\n", timeout=HANG_S)
    assert here.returncode == 0, out
    assert head.splitlines()[1].startswith("uri     otpauth://totp/Godwit%20default:admin?secret=")
    return codes, re.findall(r"^  (\S+)$", out, re.M)


def test_second_factor():
    with fixture() as one:
        one.serve()
        url, ca = one.url, one.data / "tls" / "ca.pem"
        password = first_password(one)
        as_person(one)
        login = ["login", url, "--ca", ca, "--password", password]
        one.run(*login)
        codes, recovery = set_up_factor(one)
        assert len(recovery) == 10 and len(set(recovery)) == 10
        assert "has a second factor" in one.refusal(*login)
        assert "code is wrong" in one.refusal(*login, "--code", "123456")
        code = codes.next()
        one.run(*login, "--code", code)
        assert "was used before" in one.refusal(*login, "--code", code)
        old = totp(codes.secret, time.time() - 300)
        assert "code is wrong" in one.refusal(*login, "--code", old)
        one.run(*login, "--code", recovery[0].upper().replace("-", " "))
        assert "recovery code" in one.refusal(*login, "--code", recovery[0]), "each lets in once"
        typed(one, login, [("recovery code: ", codes.next)])
        # Without it again; its recovery codes are void then.
        one.run("user", "factor", "--off")
        one.run(*login)
        assert "logged in" in one.run(*login, "--code", "000000"), "nothing is asked for"


def test_required_factor():
    with fixture() as one:
        one.serve()
        url, ca = one.url, one.data / "tls" / "ca.pem"
        as_person(one)
        login = ["login", url, "--ca", ca, "--password", first_password(one)]
        one.run(*login)
        one.run("org", "factor", "required")
        assert "log in with" in one.refusal("status"), "sessions without one have ended"
        assert "set one up" in one.run(*login)
        for words in (["status"], ["user", "list"], ["token", "list"],
                      ["org", "factor", "optional"]):
            assert "godwit user factor" in one.refusal(*words), words
        codes, recovery = set_up_factor(one)
        assert "godwit user factor" in one.refusal("status"), "the session does not grow by it"
        one.run(*login, "--code", codes.next())
        one.run("status")
        one.run("user", "factor", "--off")
        assert "set one up" in one.run(*login), "nobody gets round it by turning it off"
        assert "godwit user factor" in one.refusal("status")
        assert len(recovery) == 10


def test_password_again():
    """What is dangerous asks for the password at a terminal, and says how to go on elsewhere."""
    with fixture() as one:
        server = one.serve()
        url, ca = one.url, one.data / "tls" / "ca.pem"
        password = first_password(one)
        as_person(one)
        one.run("login", url, "--ca", ca, "--password", password)
        assert one.end(server) == 0
        age(one, 3600)
        listen = url.removeprefix("https://")
        one.environment["GODWIT_DATA"] = str(one.data)
        server = one.serve("--listen", listen)
        as_person(one)
        add = ["user", "add", "vera"]
        assert "password again" in one.refusal(*add)
        assert "password is wrong" in typed(one, add, [("password: ", "wrong words and more")],
                                            status=1)
        assert "vera" in typed(one, add, [("password: ", password)])
        one.run("user", "role", "vera", "operator")  # for ten minutes nothing asks again


def age(one, seconds):
    """Time that passes: the session was proved so long ago."""
    database = sqlite3.connect(one.data / "godwit.db")
    with database:
        database.execute("update tokens set proved = proved - ?", (seconds,))
    database.close()


def audit(one, action):
    return [record for record in one.json("audit", "list", "--action", action)["items"]]


def test_stopped():
    with fixture() as one:
        server = one.serve()
        password = first_password(one)
        one.run("user", "add", "otto", "--password", "four odd words here")
        here = ["--data", one.data]
        for words in (["list"], ["password", "admin"], ["recover", "admin"]):
            assert "a server runs on" in one.refusal("user", *words, *here), words
        url, ca = one.url, one.data / "tls" / "ca.pem"
        as_person(one)
        login = ["login", url, "--ca", ca]
        one.run(*login, "--password", password)
        set_up_factor(one)
        assert one.end(server) == 0

        listed = one.run("user", "list", *here)
        assert re.search(r"^admin +admin +default +on$", listed, re.M), listed
        assert re.search(r"^otto +viewer +default +-$", listed, re.M), listed
        assert "no user nobody" in one.refusal("user", "recover", "nobody", *here)
        assert "no user nobody" in one.refusal("user", "password", "nobody", *here)
        assert "12 characters" in one.refusal("user", "password", "admin", "--password", "x", *here)
        assert "whose password" in one.refusal("user", "password", *here, status=2)
        assert "leave --server" in one.refusal("user", "list", "--json", *here, status=2)
        assert "no database" in one.refusal("user", "list", "--data", one.folder / "none")
        made = shown(one.run("user", "password", "admin", *here), "password")
        one.run("user", "password", "otto", "--password", "four other words here", *here)
        one.run("user", "recover", "admin", *here)

        one.environment["GODWIT_DATA"] = str(one.data)
        one.serve("--listen", url.removeprefix("https://"))
        records = audit(one, "user.password") + audit(one, "user.factor-off")
        assert [(each["object"], each["actor"]) for each in records] == [
            ("otto", "user:machine"), ("admin", "user:machine"), ("admin", "user:machine")], records
        assert "whole" in one.run("audit", "verify", "--data", one.data)
        as_person(one)
        assert "log in with" in one.refusal("session", "show"), "the sessions have ended"
        assert "password is wrong" in one.refusal(*login, "--password", password)
        one.run(*login, "--password", made)
        one.run(*login, "--user", "otto", "--password", "four other words here")


def test_first_admin_goes():
    """Who made another admin may take the first one away; no start makes it again."""
    with fixture() as one:
        server = one.serve()
        one.run("user", "add", "vera", "--role", "admin")
        one.run("user", "remove", "admin")
        assert one.end(server) == 0
        one.serve(log="second.log")
        assert "admin" not in one.text("second.log").split("password")[0].split(), "no new account"
        assert [user["user"] for user in one.json("user", "list")["users"]] == ["vera"]


if __name__ == "__main__":
    main(globals())
