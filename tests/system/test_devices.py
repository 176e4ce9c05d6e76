"""How an operator finds, names, tags, moves and retires devices, by the command line alone."""

import fixture
from fixture import GODWIT, PRODUCT

ONE, TWO, THREE = (f"02677700000{n}" for n in (1, 2, 3))


def begin(world):
    serve = world.serve()
    world.run("upload", world.pack("1.0.0"))
    world.run("upload", world.pack("1.1.0"))
    world.run("upload", world.pack("3.0", project="door"))
    world.start("fleet", "--count", 3, "--dir", "none", "--mac", ONE, "--image",
                world.pack("1.0.0"), *world.enrolment(3), "--attributes",
                "room=2 site=Hamburg bad\x1b[31m=1 x=\x1b[31m", log="fleet.log")
    for device in (ONE, TWO, THREE):
        world.wait_for(device, "1.0.0")
    return serve


def ids(world, *words):
    return sorted(one["device_id"] for one in world.json("devices", *words)["items"])


def check_found(world):
    world.run("name", ONE, "Küche, links")
    world.run("tag", ONE, "site=Berlin", "beta")
    assert ids(world, "tag:site=berlin") == [ONE]
    assert ids(world, "küCHE") == [ONE] and ids(world, "kÜche") == []  # ASCII alone folds
    assert ids(world, "-tag:beta") == [TWO, THREE]
    assert ids(world, "version:<1.1", "--sort", "-name")[0] == ONE
    assert "Küche, links" in world.run("devices", 'name:"Küche, *"')
    assert ids(world, "why:no-rollout") == ids(world, "reason:no-rollout") == [ONE, TWO, THREE]
    assert ids(world, "WHY:slot-size") == []
    assert "did you mean 'no-rollout'" in world.refusal("devices", "why:no-rolout")
    assert "did you mean 'state:'" in world.refusal("devices", "sate:failed")
    assert "did you mean 'thermostat'" in world.refusal("devices", "product:termostat")
    assert "formula" in world.refusal("name", TWO, "=1+1")
    assert "printed" in world.refusal("name", TWO, "a\x1b[31m")
    assert "printed" in world.refusal("tag", TWO, "site=\u202ea")
    assert "version" in world.run("devices", "--help")


def check_own(world):
    """What the devices say of themselves; a character that a terminal obeys is none of it."""
    assert ids(world, "tag:dev.site=hamburg") == [ONE, TWO, THREE]
    assert ids(world, "tag:dev.room=2 -tag:dev.site") == []
    assert "dev.site=Hamburg" in world.run("devices", ONE)
    for text in (world.run("devices"), world.run("devices", ONE), world.run("devices", "--json")):
        assert "\x1b" not in text and "u001b" not in text
    assert "dev., under which" in world.refusal("tag", ONE, "dev.site=x")


def check_many(world):
    assert "finds 3 devices" in world.refusal("tag", "id:*", "line=3")
    assert "no device is found" in world.refusal("tag", "tag:nothing", "line=3")
    assert world.run("tag", "id:*", "line=3", "--yes") == "3 devices are tagged\n"
    assert world.run("tag", ONE, "--remove", "line") == f"{ONE} is tagged\n"
    assert ids(world, "tag:line") == [TWO, THREE]


def check_retired(world):
    assert world.run("retire", "tag:line", "--yes") == "2 devices are retired\n"
    assert ids(world) == [ONE] and ids(world, "state:retired") == [TWO, THREE]
    world.refusal("deploy", PRODUCT, "1.1.0", "--to", TWO)
    assert world.run("retire", "tag:line", "--undo", "--yes") == "2 devices are no longer retired\n"
    assert ids(world) == [ONE, TWO, THREE]


def check_deploy(world):
    assert "finds no device" in world.refusal("deploy", PRODUCT, "1.1.0", "--to", "tag:nothing")
    world.refusal("deploy", PRODUCT, "1.1.0", "--to", ONE[:-1])  # no filter, but half an id
    world.run("deploy", PRODUCT, "1.1.0", "--to", "tag:beta", "--wait", "--timeout", 60)
    assert ids(world, "version:1.1.0") == [ONE]
    assert world.run("transfer", THREE, "door") == f"{THREE} is now of door\n"
    assert ids(world, "product:door") == [THREE]


def check_watch(world, serve):
    """What changes is shown soon, once, and without a terminal's commands; a server that goes is
    waited for; a token that ends, ends it."""
    watch = world.start("devices", "--watch", f"id:{TWO}", log="watch.log")
    fixture.wait_until(lambda: TWO in world.text("watch.log"), what="the first page")
    world.run("name", TWO, "Flur")
    fixture.wait_until(lambda: "Flur" in world.text("watch.log"), what="the change")
    world.end(serve)
    fixture.wait_until(lambda: "cut" in world.text("watch.log"), what="the cut")
    serve = world.serve("--listen", world.url.removeprefix("https://"))
    world.run("name", TWO, "Keller")
    fixture.wait_until(lambda: "Keller" in world.text("watch.log"), what="a change after a restart")
    rows = [line for line in world.text("watch.log").splitlines() if TWO in line]
    assert len(rows) <= 4 and "\x1b" not in world.text("watch.log"), rows
    assert watch.poll() is None
    world.end(serve)
    (world.data / "admin-token").unlink()
    world.serve("--listen", world.url.removeprefix("https://"))
    assert watch.wait(fixture.HANG_S) == 1
    assert "log in" in world.text("watch.log").splitlines()[-1]


def test_devices():
    with fixture.fixture() as world:
        serve = begin(world)
        check_found(world)
        check_own(world)
        check_many(world)
        check_retired(world)
        check_deploy(world)
        check_watch(world, serve)


if __name__ == "__main__":
    print(GODWIT)
    fixture.main(globals())
