"""Query parameters that no route knows: a misspelt filter must not silently return everything."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import Request
from fastapi.dependencies.utils import get_flat_dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

from evomerge.errors import InvalidInput, nearest


def refuse_unknown_parameters(request: Request) -> None:
    """Refuse a query parameter that the route does not declare (422); a dependency of the whole application."""
    if not request.query_params:
        return
    known = set(_declared(request.scope["route"]))
    for name in request.query_params:
        if name not in known:
            hint = nearest(name, known) if known else "this address takes none"
            raise InvalidInput(f"query.{name}", "there is no such parameter", hint)


def _declared(route: APIRoute) -> Iterable[str]:
    for field in get_flat_dependant(route.dependant, skip_repeats=True).query_params:
        model = field.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from (info.alias or name for name, info in model.model_fields.items())
        else:
            yield field.alias
