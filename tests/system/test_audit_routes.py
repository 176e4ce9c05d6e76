"""Each address that changes something, asked for once at a real server: a record says who, from
where, to what, and what was there before and after; the log verifies. Meanwhile three listen to the
stream of events: an admin hears of each kind, one of another organisation of what is done there
alone, and a token of one product of that product alone."""
import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import pathlib
import re
import ssl
import struct
import sys
import time

from fixture import PRODUCT, fixture, main, wait_until
from test_events import Stream

# What asks for a device that lost its token or was copied; their unit tests hold the records.
LEFT_OUT = {"acceptToken", "rejectToken", "chooseTokens", "clearFork", "checkIn",
            "retryRollout", "approveRollout"}
NOTHING_CHANGES = {"checkInNow", "checkInNowMany"}
ROOT = pathlib.Path(__file__).resolve().parents[2]


class Api:
    def __init__(self, world, token):
        self.world, self.token = world, token
        self.document, self.asked = {}, set()
        self.document = self.ask("GET", "/api/v1/openapi.json")

    def ask(self, method, path, body=None, status=None, token=None):
        host, port = self.world.url.removeprefix("https://").split(":")
        context = ssl.create_default_context(cafile=str(self.world.data / "tls" / "ca.pem"))
        line = http.client.HTTPSConnection(host, int(port), context=context, timeout=300)
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        line.request(method, path, data, {"Authorization": f"Bearer {token or self.token}"})
        reply = line.getresponse()
        text = reply.read()
        line.close()
        fine = reply.status == status if status else reply.status < 300
        assert fine, (method, path, reply.status, text)
        return json.loads(text)

    def newest(self, action):
        found = self.ask("GET", f"/api/v1/audit?limit=1&action={action}")["items"]
        assert found, f"there is no record of {action}"
        return found[0]

    def change(self, name, method, path, body=None, token=None, **wanted):
        """One change, and what its record must say."""
        reply = self.ask(method, path, body, token=token)
        record = self.newest(wanted["action"])
        self.asked.add(name)
        assert record["actor"].startswith(wanted.get("actor", "user:")), record
        assert " token:" in record["actor"] or "actor" in wanted, record
        assert record["address"] == "127.0.0.1" and record["org"] == "default", record
        for side in ("before", "after"):
            assert re.search(wanted.get(side, ""), record[side]), (name, side, record)
            assert bool(record[side]) == bool(wanted.get(side)), (name, side, record)
        return reply


def one_time(secret):
    digest = hmac.new(base64.b32decode(secret + "=" * (-len(secret) % 8)),
                      struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 10 ** 6:06}"


def change_firmware(api, world):
    image = "\"product\":\"thermostat\""
    file = world.pack("1.0.0").read_bytes()
    api.change("uploadImage", "PUT", "/api/v1/images", file, action="image.uploaded", after=image)
    file = world.pack("1.1.0").read_bytes()
    digest = hashlib.sha256(file).hexdigest()
    world.run("upload", world.pack("1.1.0"))
    api.ask("GET", f"/api/v1/uploads/{digest}", status=404)
    api.asked.add("uploadPart")  # its last part is recorded as uploadImage
    world.run("upload", world.pack("1.2.0"))
    api.change("deleteRelease", "DELETE", f"/api/v1/releases/{PRODUCT}/1.2.0",
               action="release.deleted", before=image)


def change_devices(api, world):
    claim = api.change("makeClaim", "POST", "/api/v1/claims", {"product": PRODUCT},
                       action="claim.created", after=PRODUCT)["claim"]
    api.change("revokeClaim", "DELETE", f"/api/v1/claims/{claim}", action="claim.revoked",
               before=PRODUCT)
    api.change("importFactoryList", "POST", "/api/v1/factory",
               {"product": PRODUCT, "csv": "7cdfa1000009," + "ab" * 32},
               action="factory.imported", after=PRODUCT)
    api.change("removeFromFactoryList", "DELETE", "/api/v1/factory/7cdfa1000009",
               action="factory.removed", before="listed")
    world.start("device", "--flash", "one.flash", "--image", world.pack("1.0.0"),
                *world.enrolment(), log="device.log")
    device = wait_until(lambda: list(world.devices()), what="a device")[0]
    joined = api.newest("device.enrolled")
    assert joined["actor"].split(":")[0] in ("claim", "device") and joined["object"] == device
    one = f"/api/v1/devices/{device}"
    api.change("editDevice", "PATCH", one, {"name": "a"}, action="device.edited",
               before='"name":""', after='"name":"a"')
    api.change("editDevices", "POST", "/api/v1/devices/edit",
               {"filter": "id:*", "add_tags": ["beta"]}, action="devices.edited", after="beta")
    api.change("deploy", "POST", "/api/v1/rollouts", {"product": PRODUCT, "version": "1.1.0"},
               action="rollout.created", after=PRODUCT)
    world.wait_for(device, "1.1.0")
    wait_until(lambda: api.ask("GET", "/api/v1/audit?action=rollout.finished")["items"],
               what="the end of the rollout")
    finished = api.newest("rollout.finished")
    assert '"selected":1' in finished["after"] and '"succeeded":1' in finished["after"], finished
    assert finished["actor"] == "system" and finished["object"] == f"{PRODUCT} 1.1.0"
    api.change("undoDevice", "POST", one + "/undo", action="device.undone",
               after='"rollout_id":1')
    api.change("holdDevice", "POST", one + "/hold", action="device.held", after=PRODUCT)
    api.change("letDeviceGo", "DELETE", one + "/hold", action="device.let-go", after=PRODUCT)
    for name, verb, action, was, becomes in (
            ("pauseRollout", "pause", "rollout.paused", "running", "paused"),
            ("resumeRollout", "resume", "rollout.resumed", "paused", "running"),
            ("skipRollout", "skip", "rollout.skipped", "running", "running"),
            ("haltRollout", "halt", "rollout.halted", "running", "halted"),
            ("undoRollout", "undo", "rollout.undone", "halted", "undone")):
        api.change(name, "POST", f"/api/v1/rollouts/1/{verb}", action=action,
                   before=f'"state":"{was}"', after=f'"state":"{becomes}"')
    api.ask("POST", "/api/v1/rollouts", {"product": PRODUCT, "version": "1.0.0", "consent": True})
    api.change("consentDevice", "POST", one + "/consent", action="device.consented",
               after='"rollout_id":2')
    api.change("setPriority", "PUT", "/api/v1/rollouts/2/priority", {"priority": "high"},
               action="rollout.priority", before='"state"', after='"priority":"high"')
    api.ask("POST", "/api/v1/rollouts", {"product": PRODUCT, "version": "1.0.0",
                                         "devices": [device], "priority": "pin"})
    api.change("unpinDevice", "DELETE", one + "/pin", action="device.unpinned", after=PRODUCT)
    api.change("setLocks", "PUT", f"/api/v1/products/{PRODUCT}/locks",
               {"approval": True, "bench": False}, action="product.locks",
               before='"approval":false', after='"approval":true')
    api.change("rotateTokens", "POST", "/api/v1/rotations", {"devices": [device]},
               action="rotation.asked", after="1")
    api.change("retireDevice", "POST", one + "/retire", action="device.retired",
               before='"retired":false', after='"retired":true')
    api.change("reinstateDevice", "POST", one + "/reinstate", action="device.reinstated",
               before='"retired":true', after='"retired":false')


def change_webhooks(api):
    hook = api.change("addWebhook", "POST", "/api/v1/webhooks",
                      {"url": "https://hooks.example.com/x", "events": "nothing.at-all"},
                      action="webhook.created", after="hooks.example.com")["webhook"]
    path = f"/api/v1/webhooks/{hook}"
    api.change("editWebhook", "PATCH", path, {"paused": True}, action="webhook.edited",
               before='"paused":false', after='"paused":true')
    api.change("testWebhook", "POST", path + "/test", action="webhook.tested", after="delivery")
    api.change("removeWebhook", "DELETE", path, action="webhook.removed",
               before="hooks.example.com")


def change_people(api):
    made = api.change("makeUser", "POST", "/api/v1/users", {"user": "otto", "role": "operator"},
                      action="user.created", after='"role":"operator"')
    api.change("setRole", "PUT", "/api/v1/users/otto/role", {"role": "admin"}, action="user.role",
               before='"role":"operator"', after='"role":"admin"')
    password = api.change("setPassword", "PUT", "/api/v1/users/otto/password", {},
                          action="user.password", before="otto", after="otto")["password"]
    assert made["password"] != password
    api.change("setOrganisation", "PUT", "/api/v1/org", {"second_factor_required": False},
               action="org.set", before="false", after="false")
    session = api.change("login", "POST", "/api/v1/login", {"user": "otto", "password": password},
                         action="session.created", actor="user:otto")["token"]
    api.change("reauthenticate", "POST", "/api/v1/session/reauthenticate", {"password": password},
               token=session, action="session.proved")
    secret = api.change("beginSecondFactor", "POST", "/api/v1/session/second-factor", token=session,
                        action="factor.begun", before="otto", after="otto")["secret"]
    api.change("confirmSecondFactor", "POST", "/api/v1/session/second-factor/confirm",
               {"code": one_time(secret)}, token=session, action="factor.on",
               before='"second_factor":false', after="otto")
    api.change("removeSecondFactor", "DELETE", "/api/v1/session/second-factor", token=session,
               action="factor.off", before='"second_factor":true', after="otto")
    api.change("removeUserSecondFactor", "DELETE", "/api/v1/users/otto/second-factor",
               action="user.factor-off", before="otto", after="otto")
    api.change("changePassword", "PUT", "/api/v1/session/password", {}, token=session,
               action="user.own-password", before="otto", after="otto")
    api.change("logout", "POST", "/api/v1/logout", token=session, action="session.ended",
               before="otto", after="otto")


def change_tokens(api, password):
    token = api.change("makeToken", "POST", "/api/v1/tokens", {"scopes": ["read"], "user": "admin"},
                       action="token.created", before="admin", after="scopes")["id"]
    api.change("revokeToken", "DELETE", f"/api/v1/tokens/{token}", action="token.revoked",
               before='"user":"admin"')
    api.ask("POST", "/api/v1/login", {"user": "admin", "password": password})
    session = api.ask("GET", "/api/v1/sessions")["sessions"][0]["id"]
    api.change("endSession", "DELETE", f"/api/v1/sessions/{session}", action="session.ended-by",
               before='"user":"admin"')
    api.change("removeUser", "DELETE", "/api/v1/users/otto", action="user.removed",
               before='"role":"admin"', after="otto")
    api.change("makeOrganisation", "POST", "/api/v1/orgs", {"org": "late", "admin": "lotte"},
               action="org.created", after="late")


def change_elsewhere(world):
    """What an organisation does that nobody else shall hear of."""
    world.run("upload", "--org", "acme", world.pack("1.0.0", project="door"))
    world.run("claim", "add", "door", "--org", "acme")
    assert "claim.created" in world.run("audit", "list", "--org", "acme")


def changing(document):
    return {one["operationId"] for methods in document["paths"].values()
            for method, one in methods.items() if method != "get"}


def heard(stream):
    """All that has come, up to a change that is made now."""
    events = []
    with contextlib.suppress(TimeoutError, ssl.SSLWantReadError):
        stream.line.settimeout(3)
        while event := stream.next():
            events.append(event)
    return events


def check_heard(admin, other, scoped):
    mine = heard(admin)
    kinds = {event["kind"] for event in mine}
    assert {"image", "release", "claim", "factory", "device", "rollout", "webhook", "user", "token",
            "factor", "session"} <= kinds, kinds
    # who reads late hears what came of an object last
    assert any(event["change"] == "undone" for event in mine if event["kind"] == "rollout")
    foreign = [event for event in heard(other) if event["kind"] != "ready"]
    assert {"image", "claim"} <= {event["kind"] for event in foreign}, foreign
    assert not {event["object"] for event in foreign} & {event.get("object") for event in mine}
    of_product = [event for event in heard(scoped) if event["kind"] != "ready"]
    assert {"image", "claim", "factory", "device", "rollout"} <= {one["kind"] for one in of_product}
    assert all(event["product"] == PRODUCT for event in of_product), of_product


def test_each_change_is_recorded_and_heard():
    with fixture() as world:
        server = world.serve()
        password = re.search(r"password +(\S+)", world.text("serve.log"))[1]
        api = Api(world, (world.data / "admin-token").read_text().strip())
        world.run("upload", world.pack("0.9.0"))
        other = api.ask("POST", "/api/v1/orgs", {"org": "acme", "admin": "eve"})
        other = api.ask("POST", "/api/v1/login", {"user": "eve", "password": other["password"]})
        scoped = api.ask("POST", "/api/v1/tokens",
                         {"scopes": ["read", "admin"], "product": PRODUCT, "user": "admin"})
        streams = [Stream(world, token)
                   for token in (api.token, other["token"], scoped["token"])]
        change_firmware(api, world)
        change_devices(api, world)
        change_webhooks(api)
        change_people(api)
        change_tokens(api, password)
        change_elsewhere(world)
        assert api.asked == changing(api.document) - LEFT_OUT - NOTHING_CHANGES, \
            changing(api.document) - LEFT_OUT - NOTHING_CHANGES ^ api.asked
        check_heard(*streams)
        world.end(server)
        world.run("audit", "verify", "--data", world.data)


if __name__ == "__main__":
    main(dict(globals()))
    sys.exit(0)
