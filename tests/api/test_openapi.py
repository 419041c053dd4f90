"""The committed description of the API, and what it promises of every route."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from api.openapi import FILE, openapi_document, written
from api.problems import MEDIA_TYPE

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def document(app: FastAPI) -> dict[str, Any]:
    return openapi_document(app)


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(verb, path, one) for path, verbs in document["paths"].items() for verb, one in verbs.items()]


def test_the_committed_file_is_up_to_date(document: dict[str, Any]) -> None:
    assert FILE.read_text("utf-8") == written(document), "run 'python -m api.openapi' and commit what it writes"


def test_operations_have_tidy_names_and_say_what_they_do(document: dict[str, Any]) -> None:
    names = [one["operationId"] for _, _, one in operations(document)]
    assert len(set(names)) == len(names)
    for name in names:
        assert name.isidentifier() and name.islower()
    for verb, path, one in operations(document):
        assert one["description"] and one["tags"], (verb, path)


def test_every_error_is_a_problem_document(document: dict[str, Any]) -> None:
    for verb, path, one in operations(document):
        errors = {status: response for status, response in one["responses"].items() if status[0] in "45"}
        assert set(errors) >= {"4XX", "5XX"}, (verb, path)
        assert all(list(response["content"]) == [MEDIA_TYPE] for response in errors.values()), (verb, path)


def test_answers_are_objects(document: dict[str, Any]) -> None:
    for verb, path, one in operations(document):
        for status, response in one["responses"].items():
            schema = response.get("content", {}).get("application/json", {}).get("schema", {"$ref": ""})
            assert "$ref" in schema, (verb, path, status)  # a named object, which can grow


def test_specs_are_described_in_full(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    spec = schemas["NewExperiment"]["properties"]["spec"]
    assert [one["$ref"].rpartition("/")[2] for one in spec["anyOf"]] == ["ExperimentSpec", "BlackboxExperiment"]
    assert schemas["MergeSpec"]["properties"]["method"]["description"].startswith("Merge method")


def test_the_page_has_every_address(document: dict[str, Any]) -> None:
    table = (ROOT / "docs" / "api.md").read_text().partition("## Rules")[0]
    rows = [row.strip("| ").split(" | ") for row in table.splitlines() if row.startswith("| `/")]
    shown: set[tuple[str, str]] = set()
    for addresses, verbs, _ in rows:
        first, *others = re.findall("`([^`]+)`", addresses)
        parent = first.rpartition("/")[0]
        # "`/a/b`, `/c`" means /a/c unless /c is an address of its own.
        for address in (first, *(one if f"/api/v1{one}" in document["paths"] else parent + one for one in others)):
            shown |= {(verb.lower(), f"/api/v1{address}") for verb in verbs.split(", ")}
    real = {(verb, path) for verb, path, _ in operations(document) if path.startswith("/api/v1")}
    assert real <= shown
    assert {path for _, path in shown} == {path for _, path in real}
