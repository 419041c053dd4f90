"""Logging a browser in and out: its cookie holds a token, which no script can read and no other site can send."""

from __future__ import annotations

from typing import Annotated

import fastapi
from fastapi import APIRouter, Depends, Response
from pydantic import Field, SecretStr

from api.dependencies import AuthenticatorDep, PrincipalDep, SettingsDep, require
from api.schemas.access import Identity
from api.schemas.base import Request
from api.security.authentication import COOKIE, Principal, client_address, cookie_path
from experiments.states import Scope

router = APIRouter(prefix="/session", tags=["session"])
_ANYBODY = [Depends(require(Scope.READ))]


class Login(Request):
    """What logs a browser in."""

    token: Annotated[SecretStr, Field(min_length=1, max_length=256)]


@router.post("")
def log_in(
    login: Login, request: fastapi.Request, response: Response, authenticator: AuthenticatorDep, settings: SettingsDep
) -> Identity:
    """Log a browser in: the answer sets its cookie. The token is in the body, so that no log of addresses has it."""
    secret = login.token.get_secret_value()
    principal = authenticator.authenticate(secret, client_address(request))
    response.set_cookie(
        COOKIE,
        secret,
        max_age=round(settings.session_hours * 3600),
        path=cookie_path(settings.root_path),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return _identity(principal)


@router.get("", dependencies=_ANYBODY)
def who_am_i(principal: PrincipalDep) -> Identity:
    """Say whose token the request bears."""
    return _identity(principal)


@router.delete("", status_code=204, dependencies=_ANYBODY)
def log_out(response: Response, settings: SettingsDep) -> None:
    """Log the browser out; its token stays valid until it is revoked."""
    response.delete_cookie(COOKIE, path=cookie_path(settings.root_path), httponly=True, samesite="strict")


def _identity(principal: Principal) -> Identity:
    return Identity(token_id=principal.token_id, name=principal.name, owner=principal.owner, scope=principal.scope)
