"""The committed description of the API, and what it promises of every route."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from api.openapi import FILE, openapi_document, written
from api.problems import MEDIA_TYPE


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
