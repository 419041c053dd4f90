"""Write the reference of docs/api.md from the committed OpenAPI document: ``python docs/api_page.py``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("api.md")
DOCUMENT = PAGE.parents[1] / "api" / "openapi.json"
BEGIN = "<!-- reference: written by `python docs/api_page.py`, checked by a test -->\n"
# Resources in the order of the page.
TITLES = {
    "experiments": "Experiments",
    "candidates": "Candidates, evaluations, items",
    "charts": "Columns for charts",
    "report": "Reports",
    "operations": "Running",
    "events": "Events",
    "workers": "Workers",
    "artifacts": "Artifacts",
    "catalog": "What specs can name",
    "tokens": "Tokens",
    "session": "Sessions of browsers",
    "health": "For machines that watch the server",
}
# Described on pages of their own.
ELSEWHERE = {"Problem": "errors.md", "FieldProblem": "errors.md", "BlackboxExperiment": "spec.md#without-models"}
_METHODS = ("get", "post", "put", "patch", "delete")


def page() -> str:
    """Return docs/api.md with the present reference."""
    return PAGE.read_text(encoding="utf-8").partition(BEGIN)[0] + BEGIN + reference(json.loads(DOCUMENT.read_text()))


def reference(document: dict[str, Any]) -> str:
    """Return the Markdown of all operations by resource, then of the types that they speak of."""
    operations: dict[str, list[str]] = {tag: [] for tag in TITLES}
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                operations[methods[method]["tags"][0]].append(_operation(method, path, methods[method]))
    parts = [f"\n### {title}\n\n" + "\n".join(operations[tag]) for tag, title in TITLES.items()]
    schemas = document["components"]["schemas"]
    types = [_type(name, schema) for name, schema in schemas.items() if _home(name) == f"#{name.lower()}"]
    return "".join(parts) + "\n### Types\n\n" + "\n".join(types)


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    lines = [f"#### {method.upper()} {path}", "", _flat(operation["description"]), ""]
    asked = [one for one in operation.get("parameters", []) if one["in"] != "path"]
    lines += [
        f"- `{one['name']}` ({one['in']}{'' if one.get('required') else ', optional'}): {_described(one)}"
        for one in asked
    ]
    body = operation.get("requestBody", {}).get("content", {})
    lines += [f"- body: {_kind(content['schema'])}" for content in body.values()]
    lines += [f"- {status}: {_answer(answer)}" for status, answer in operation["responses"].items() if status < "4"]
    return "\n".join(lines) + "\n"


def _answer(answer: dict[str, Any]) -> str:
    kinds = [
        _kind(content["schema"]) if "json" in media else f"`{media}`"
        for media, content in answer.get("content", {}).items()
        if content.get("schema") or "json" not in media
    ]
    known = "" if answer["description"] == "Successful Response" else _flat(answer["description"])
    return " or ".join(kinds) + (f" {known}" if kinds and known else known) or "nothing"


def _type(name: str, schema: dict[str, Any]) -> str:
    lines = [f"#### {name}", ""]
    if "description" in schema:
        lines += [_flat(schema["description"]), ""]
    if "enum" in schema:
        return "\n".join([*lines, "One of " + ", ".join(f"`{one}`" for one in schema["enum"]) + ".", ""])
    required = schema.get("required", [])
    fields = schema.get("properties", {}).items()
    lines += [f"- `{key}`{'' if key in required else ' (optional)'}: {_described(value)}" for key, value in fields]
    return "\n".join(lines) + "\n"


def _described(value: dict[str, Any]) -> str:
    schema = value.get("schema", value)
    kind, default = _kind(schema), schema.get("default")
    if "in" in value:
        kind = kind.removesuffix(" or null")  # a parameter is left out
    shown = "" if default is None else f", default `{json.dumps(default)}`"
    meaning = _flat(value.get("description") or schema.get("description") or "")
    return f"{kind}{shown}." + (f" {meaning}" if meaning else "")


def _kind(schema: dict[str, Any]) -> str:
    """Return what a value is, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}]({_home(name)})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(_kind, schema["anyOf"])))
    if "enum" in schema:
        return " or ".join(f"`{one}`" for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if schema.get("type") == "object":
        inner = schema.get("additionalProperties")
        return f"object of {_kind(inner)} by name" if isinstance(inner, dict) else "object"
    if schema.get("format") == "date-time":
        return "time"
    limits = ", ".join(_limits(schema))
    return str(schema.get("type", "anything")) + (f" ({limits})" if limits else "")


def _limits(schema: dict[str, Any]) -> Iterator[str]:
    for key, words in (("minimum", "at least"), ("maximum", "at most"), ("maxLength", "length at most")):
        if key in schema:
            yield f"{words} {schema[key]:g}"


def _home(name: str) -> str:
    """Return where a type is described."""
    return ELSEWHERE.get(
        name, "spec.md" if name.endswith("Spec") or name.startswith("Blackbox") else f"#{name.lower()}"
    )


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("``", "`")).strip()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
