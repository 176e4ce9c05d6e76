"""Holds every answer that tests got to the OpenAPI document of the server that gave them.

    answers.py FOLDER      the files of record_tls.c in FOLDER; GODWIT is the program whose document
                           counts. Prints answers= and invalid=, and exits with 1 where one is.

A reply is held to more than the document promises: it may have no member that the document does
not name, so that a new one gets its row in src/server/api_schema_replies.c."""

import collections
import json
import os
import pathlib
import re
import ssl
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
import fixture  # noqa: E402
from exchanges import exchanges  # noqa: E402

# What HTTP itself refuses, at any address and at none.
HTTP_STATUSES = {"400", "404", "405", "408", "413", "414", "417", "431", "500", "501", "503", "505"}
SHOWN_MAX = 20


def document_of(server):
    context = ssl.create_default_context(cafile=str(server.data / "tls" / "ca.pem"))
    with urllib.request.urlopen(server.url + "/api/v1/openapi.json", context=context) as reply:
        return json.load(reply)


def load_document():
    with fixture.fixture() as server:
        server.serve()
        return document_of(server)


class Judge:
    def __init__(self, document):
        from jsonschema import Draft202012Validator
        self.validator = Draft202012Validator
        self.schemas = document["components"]["schemas"]
        for name, schema in self.schemas.items():
            if name != "document" and schema["properties"]:
                schema["additionalProperties"] = False
        self.paths = [(re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)) + "$"), one)
                      for path, one in sorted(document["paths"].items(),
                                              key=lambda one: one[0].count("{"))]
        self.known = {}
        self.seen = collections.Counter()  # (operation, status) → how often
        self.faults = collections.Counter()

    def fault_of_json(self, schema, text):
        try:
            value = json.loads(text)
        except ValueError as error:
            return f"is no JSON: {error}"
        whole = dict(schema, components={"schemas": self.schemas})
        found = sorted(self.validator(whole).iter_errors(value), key=lambda one: one.json_path)
        inner = found[0].context[0] if found and found[0].context else found and found[0]
        return f"{inner.json_path}: {inner.message[:160]}" if inner else None

    def fault_of_content(self, content, kind, text):
        if not content:
            return "has a body" if text else None
        kind = kind.split(";")[0]
        if kind not in content:
            return f"is {kind or 'nothing'}, not {' or '.join(content)}"
        schema = content[kind].get("schema")
        key = (json.dumps(schema), text)
        if not schema or key in self.known:
            return self.known.get(key)
        self.known[key] = self.fault_of_json(schema, text)
        return self.known[key]

    def operation(self, exchange):
        path = exchange.target.partition("?")[0]
        method = "get" if exchange.method == "HEAD" else exchange.method.lower()
        for pattern, operations in self.paths:
            if pattern.match(path):
                return operations.get(method)
        return None

    def fault(self, exchange):
        if exchange.method == "OPTIONS" and exchange.status == "204":
            return "options", "has a body" if exchange.reply else None
        operation = self.operation(exchange) or {"operationId": "none", "responses": {}}
        name, replies = operation["operationId"], operation["responses"]
        self.seen[name, exchange.status] += 1
        reply = replies.get(exchange.status)
        if not reply and exchange.status not in HTTP_STATUSES:
            return name, "its row in routes.c does not name this status"
        if exchange.method == "HEAD":
            return name, None
        content = reply.get("content") if reply else {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/problem"}}}
        return name, self.fault_of_content(content, exchange.kind, exchange.reply)

    def take(self, exchange):
        name, fault = self.fault(exchange)
        if fault:
            self.faults[f"{name} {exchange.method} {exchange.target.partition('?')[0]} "
                        f"{exchange.status}: {fault}"] += 1


def judge_folder(judge, folder):
    for path in sorted(pathlib.Path(folder).glob("*.tls")):
        for exchange in exchanges(path):
            judge.take(exchange)


def say_faults(judge):
    for text, count in judge.faults.most_common(SHOWN_MAX):
        print(f"{text} ({count} times)")
    return sum(judge.faults.values())


def main():
    if not list(pathlib.Path(sys.argv[1]).glob("*.tls")):
        return print("no test that ran asked a server")
    judge = Judge(load_document())
    judge_folder(judge, sys.argv[1])
    invalid = say_faults(judge)
    operations = {name for name, _ in judge.seen}
    print(f"answers={sum(judge.seen.values())} operations={len(operations)} invalid={invalid}")
    return sys.exit(1 if invalid else 0)


if __name__ == "__main__":
    os.environ.pop("TESTED_ANSWERS", None)
    main()
