"""The OpenAPI document: FastAPI's, with one shape for every error."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.problems import MEDIA_TYPE, Problem

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
        schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        document["components"]["schemas"] |= {**schema.pop("$defs"), "Problem": schema}
        app.openapi_schema = document
    return app.openapi_schema
