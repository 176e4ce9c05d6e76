#!/usr/bin/env python3
"""Every answer against the OpenAPI document: those that the tests get, then those that schemathesis
gets, which makes requests out of the document, sound and unsound, with an admin's token.

    api.py             all tests of the server, then ten minutes of requests
    api.py --short     under a minute of requests (in `make test`)

Last line: figure api answers=… operations=… invalid=… fivexx=…; exit 1 where one is invalid or too
few were seen to say so, or where schemathesis got a 5xx. Tests provoke some on purpose, with a full
disk or a server that is not ready yet; they are printed."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TESTED_BUILD", str(ROOT / "build")))
VENV = subprocess.run([ROOT / "tests/venv.sh"], capture_output=True, text=True,
                      check=True).stdout.strip()
if sys.prefix != VENV:
    os.execv(f"{VENV}/bin/python3", [f"{VENV}/bin/python3", __file__, *sys.argv[1:]])
sys.path.insert(0, str(ROOT / "tests" / "answers"))
from answers import Judge, document_of, judge_folder, say_faults  # noqa: E402
import fixture  # noqa: E402

SHORT = "--short" in sys.argv
SECONDS = 45 if SHORT else 600  # its start is among them
ANSWERS_MIN = 100 if SHORT else 10000
# A stream has no end, and what ends the token or locks it out would end the run.
LEFT_OUT = {"streamEvents"}
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance," \
         "response_schema_conformance"


def fill(server):
    """Something of each kind, and its name for the paths."""
    server.run("upload", server.pack("1.0.0"))
    server.run("upload", server.pack("1.1.0"))
    server.start("device", "--flash", server.folder / "one.flash", "--image",
                 server.pack("1.0.0"), *server.enrolment(), log="device.log")
    device = fixture.wait_until(lambda: list(server.devices()), what="a device")[0]
    server.run("deploy", fixture.PRODUCT, "1.1.0")
    return {"devices": device, "releases": fixture.PRODUCT, fixture.PRODUCT: "1.1.0",
            "products": fixture.PRODUCT, "rollouts": 1, "{product}": "1.1.0"}


def with_names(document, names):
    """A random name is hardly ever one that there is: paths get those that there are too."""
    for path, operations in list(document["paths"].items()):
        words = path.split("/")
        for method, operation in list(operations.items()):
            if operation["operationId"] in LEFT_OUT:
                del operations[method]
            for one in operation["parameters"]:
                before = words[words.index("{" + one["name"] + "}") - 1] \
                    if one["in"] == "path" else None
                if before in names:
                    one["schema"] = {"anyOf": [{"enum": [names[before]]}, one["schema"]]}
    return document


def ask(server, names, document):
    path = server.folder / "openapi.json"
    path.write_text(json.dumps(with_names(json.loads(json.dumps(document)), names)))
    token = (server.data / "admin-token").read_text().strip()
    command = [f"{VENV}/bin/schemathesis", "run", str(path), "--url", server.url, "--tls-verify",
               str(server.data / "tls" / "ca.pem"), "-H", f"Authorization: Bearer {token}",
               "--max-time", str(SECONDS), "--checks", CHECKS, "--continue-on-failure",
               "--request-timeout", "30", "--suppress-health-check", "all", "--no-color",
               "-n", "20" if SHORT else "2000", "--generation-database", "none", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=server.folder)
    return done.stdout


def schemathesis(judge_of):
    with tempfile.TemporaryDirectory(prefix="godwit-answers-") as folder:
        os.environ.update(TESTED_ANSWERS=folder, TESTED_RECORDER=str(BUILD / "tests" /
                                                                     "librecord_tls.so"))
        with fixture.fixture() as server:
            process = server.serve()
            document = document_of(server)
            judge = judge_of(document)
            text = ask(server, fill(server), document)
            assert process.poll() is None, "the server is gone:\n" + server.text("serve.log")
            server.run("status")
        judge_folder(judge, folder)
    return judge, text


def run_tests(judge_of):
    """All tests that ask a server; what they got is kept in their build."""
    subprocess.run(["ctest", "--test-dir", str(BUILD), "-j", "2", "-R", "^(unit/server|system)/",
                    "-E", "siege"], check=False, stdout=sys.stderr)
    with fixture.fixture() as server:
        server.serve()
        judge = judge_of(document_of(server))
    judge_folder(judge, BUILD / "tests" / "answers")
    return judge


def main():
    judges = [] if SHORT else [run_tests(Judge)]
    judge, text = schemathesis(Judge)
    judges.append(judge)
    invalid = sum(say_faults(one) for one in judges)
    seen = [(name, status, count) for one in judges for (name, status), count in one.seen.items()]
    fivexx = sum(count for (name, status), count in judge.seen.items()
                 if status >= "500" and name != "none")
    asked = sum(judge.seen.values())
    if invalid or fivexx or asked < ANSWERS_MIN:
        print(text[-6000:])
        print({(name, status): count for name, status, count in seen if status >= "500"})
    print(f"figure api answers={sum(count for _, _, count in seen)} schemathesis={asked} "
          f"operations={len({name for name, _, _ in seen})} invalid={invalid} fivexx={fivexx}")
    return 1 if invalid or fivexx or asked < ANSWERS_MIN else 0


if __name__ == "__main__":
    sys.exit(main())
