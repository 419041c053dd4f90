"""What a caller may do: read < run < admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from api.security.authentication import Principal
from evomerge.errors import Forbidden
from experiments.states import Scope

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

# Only for the OpenAPI document: Authentication has read the header by then.
_documented = HTTPBearer(auto_error=False, description="A token of 'evomerge token create'.")


def current_principal(request: Request) -> Principal:
    """Return who sent the request."""
    principal: Principal = request.state.principal
    return principal


PrincipalDep = Annotated[Principal, Depends(current_principal)]


def require(scope: Scope) -> Callable[..., Principal]:
    """Return a dependency that refuses callers without ``scope`` (403)."""

    def check(principal: PrincipalDep, _: Annotated[object, Depends(_documented)]) -> Principal:
        _check(principal, scope)
        return principal

    return check


def default_scope(request: Request, principal: PrincipalDep, _: Annotated[object, Depends(_documented)]) -> None:
    """Refuse callers who may not read, or, unless the method is safe, not run; routes can demand more, never less."""
    _check(principal, Scope.READ if request.method in SAFE_METHODS else Scope.RUN)


def _check(principal: Principal, needed: Scope) -> None:
    if not principal.scope.includes(needed):
        raise Forbidden(
            "token",
            f"'{principal.name}' has scope {principal.scope}, this needs {needed}",
            f"use a token made with 'evomerge token create --scope {needed}'",
        )
