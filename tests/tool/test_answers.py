"""The judge of answers finds what it should: each kind of fault, planted in answers that are sound.
"""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
venv = subprocess.run([ROOT / "tests/venv.sh"], capture_output=True, text=True, check=True)
python = venv.stdout.strip() + "/bin/python3"
if sys.prefix != venv.stdout.strip():
    os.execv(python, [python, __file__])
os.environ.pop("TESTED_ANSWERS", None)
sys.path.insert(0, str(ROOT / "tests" / "answers"))
from answers import Judge, load_document  # noqa: E402
from exchanges import Exchange  # noqa: E402
from openapi_spec_validator import validate  # noqa: E402

KIND = "application/json"
CLAIM = ("POST", "/api/v1/claims", b"{}")
GOOD = b'{"token":"a","claim":"0123456789abcdef"}'
PROBLEM = (b'{"type":"no-product","title":"Not Found","status":404,"detail":"there is none",'
           b'"field":"product"}')
CASES = [
    (("201", KIND, GOOD), None),
    (("201", KIND, GOOD[:-1] + b',"more":1}'), "more"),
    (("201", KIND, GOOD.replace(b'"a"', b"7")), "7 is not of type 'string'"),
    (("201", KIND, b'{}'), "token"),
    (("201", KIND, b'{"token":'), "is no JSON"),
    (("201", "text/plain", GOOD), "not application/json"),
    (("200", KIND, GOOD), "does not name this status"),
    (("404", "application/problem+json", PROBLEM), None),
    (("404", KIND, PROBLEM), "not application/problem+json"),
    (("404", "application/problem+json", PROBLEM.replace(b"no-product", b"none")), "none"),
    (("422", "application/problem+json", PROBLEM.replace(b"no-product", b"malformed")), None),
    (("405", "application/problem+json", PROBLEM), None),
    (("418", "application/problem+json", PROBLEM), "does not name this status"),
]


document = load_document()
validate(document)
for answer, expected in CASES:
    _, fault = Judge(document).fault(Exchange(*CLAIM, *answer))
    assert (fault is None) == (expected is None), (answer, fault)
    assert expected is None or expected in fault, (answer, fault)
PART = ("GET", "/api/v1/devices?fields=name,state", b"", "200", KIND)
for body, expected in [(b'{"items":[{"name":"a","state":"failed"}]}', None),
                       (b'{"items":[{"name":"a","sate":"failed"}]}', "sate"),
                       (b'{"items":[{"name":7}]}', "7")]:
    _, fault = Judge(document).fault(Exchange(*PART, body))
    assert (fault is None) == (expected is None), (body, fault)
for path, operations in document["paths"].items():
    for method, one in operations.items():
        assert any(status < "400" for status in one["responses"]), (path, method)
print(f"the document is sound OpenAPI, and {len(CASES)} answers are judged as they should be")
