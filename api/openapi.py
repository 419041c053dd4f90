"""The OpenAPI document: FastAPI's, with one shape for every error, and the spec of an experiment in full.

``python -m api.openapi`` writes it to ``api/openapi.json``, which is committed so that a change of it is seen; then
``python docs/api_page.py`` writes the reference of docs/api.md.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from api.problems import MEDIA_TYPE, Problem
from experiments.spec import BlackboxExperiment, ExperimentSpec

FILE = Path(__file__).with_suffix(".json")

_REFERENCE = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
# Their presence also keeps FastAPI from describing its own 422, which is never sent.
PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "The request cannot be answered; the problem says what to change.", "content": _REFERENCE},
    "5XX": {"description": "The server cannot answer.", "content": _REFERENCE},
}


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """Return the document; it is made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        schemas = document["components"]["schemas"]
        for model in (Problem, ExperimentSpec, BlackboxExperiment):
            schemas |= _components(model)
        # Routes take specs as plain data, since the spec's own errors name field, problem and fix.
        references = [{"$ref": f"#/components/schemas/{one.__name__}"} for one in (ExperimentSpec, BlackboxExperiment)]
        for name in ("NewExperiment", "SpecToCheck"):
            described = schemas[name]["properties"]["spec"]
            schemas[name]["properties"]["spec"] = {"anyOf": references, "description": described["description"]}
        app.openapi_schema = document
    return app.openapi_schema


def written(document: dict[str, Any]) -> str:
    """Return the text of the document as the file holds it."""
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _components(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), model.__name__: schema}


def _main() -> None:
    from api.app import create_app
    from api.settings import Settings
    from experiments.store import Store

    with tempfile.TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/store.db") as store:
        FILE.write_text(written(openapi_document(create_app(Settings(), store))), "utf-8")


if __name__ == "__main__":
    _main()
