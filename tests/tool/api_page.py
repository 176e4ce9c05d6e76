"""docs/API.md out of the OpenAPI document."""

import re

HEAD = """# Operator API

Made from the table of routes (`src/server/routes.c`, `src/server/api_schema.h`) by
`tests/tool/test_docs.py --write`; `GET /api/v1/openapi.json` says the same as an OpenAPI 3.1
document, to which the tests hold every answer that they get. What the words mean:
[PROTOCOL.md](PROTOCOL.md), [GLOSSARY.md](GLOSSARY.md).

A request is let in by `Authorization: Bearer <token>`. *Least role* is what a person must be,
*scope* what an API token must have been given. A body is JSON in UTF-8; a member that is missing,
unknown or of another kind is answered `422` `malformed` with `field`. Errors are
`application/problem+json`: `type` is stable, `detail` says what to do.
"""
SCHEMA = "#/components/schemas/"
PART = "_part"


def kind_of(schema):
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(SCHEMA)
        if name.endswith(PART):
            return "the members of it that `fields` names"
        return f"[{name}](#{name})"
    if "anyOf" in schema:
        return " or ".join(kind_of(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " · ".join(f"`{word}`" for word in schema["enum"])
    if schema["type"] == "array":
        bounds = f", at most {schema['maxItems']:,}" if "maxItems" in schema else ""
        return f"list of {kind_of(schema['items'])}{bounds}"
    if schema["type"] == "integer":
        return whole_of(schema)
    if schema["type"] == "string":
        return text_of(schema)
    return {"boolean": "true or false", "object": "object"}.get(schema["type"], schema["type"])


def whole_of(schema):
    if "$comment" in schema:
        return "time, " + schema["$comment"]
    if schema["maximum"] < 2 ** 53:
        return f"number, {schema['minimum']:,} to {schema['maximum']:,}"
    return "number"


def text_of(schema):
    what = "hex digits" if "pattern" in schema else "text"
    if "maxLength" not in schema:
        return what
    least, most = schema["minLength"], schema["maxLength"]
    sizes = f"{most}" if least == most else f"{least} to {most}"
    return f"{sizes} {what}" if "pattern" in schema else f"text of {sizes} bytes"


def table(rows, head):
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows]) + "\n"


def content_of(reply):
    kinds = []
    for kind, content in reply.get("content", {}).items():
        schema = content.get("schema", {})
        kinds.append(kind_of(schema) if "$ref" in schema else kind)
    return " or ".join(kinds)


def may_call(operation):
    if not operation["security"]:
        return "anybody"
    if "x-role" not in operation:
        return "a device, by its own token"
    scopes = " or ".join(f"`{scope}`" for scope in operation["x-scopes"])
    return f"least role *{operation['x-role']}*" + (f", scope {scopes}" if scopes else "")


def reply_row(status, reply):
    if status < "400":
        return status, content_of(reply), reply["description"]
    types = reply["description"].split(", ")
    is_list = all(re.fullmatch(r"[a-z-]+", one) for one in types)
    return status, "problem", ", ".join(f"`{one}`" if is_list else one for one in types)


def operation_part(method, path, operation):
    parts = [f"\n### {operation['operationId']}\n\n`{method.upper()} {path}` — "
             f"{may_call(operation)}.\n\n{operation['summary']}\n"]
    rows = [(f"`{one['name']}`", one["in"], kind_of(one["schema"]), one["description"])
            for one in operation["parameters"]]
    if rows:
        parts.append("\n" + table(rows, ("parameter", "in", "kind", "what it is")))
    if "requestBody" in operation:
        parts.append(f"\nBody: {content_of(operation['requestBody'])}\n")
    rows = [reply_row(status, reply) for status, reply in sorted(operation["responses"].items())
            if status != "default"]
    parts.append("\n" + table(rows, ("status", "body", "what it means")))
    return "".join(parts)


def object_part(name, schema):
    rows = [(f"`{member}`", kind_of(one), one["description"] +
             ("" if member in schema["required"] else "; may be left out"))
            for member, one in schema["properties"].items()]
    lines = table(rows, ("member", "kind", "what it is")) if rows else ""
    return f"\n### {name}\n\n{schema['description']}\n\n{lines}"


def api_page(document):
    parts = [HEAD, "\n## Addresses\n\n"]
    routes = [(method, path, one) for path, methods in document["paths"].items()
              for method, one in methods.items()]
    parts.append(table([(f"`{method.upper()} {path}`", f"[{one['operationId']}]"
                         f"(#{one['operationId'].lower()})", one["summary"])
                        for method, path, one in routes], ("address", "name", "does")))
    parts += [operation_part(*route) for route in routes]
    parts.append("\n## Objects\n")
    parts += [object_part(*one) for one in document["components"]["schemas"].items()
              if not one[0].endswith(PART)]
    return "".join(parts)
