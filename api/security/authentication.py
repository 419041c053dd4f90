"""Who sends a request: a bearer token, or a browser's cookie that holds one. Without either no route answers."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog
from cachetools import TTLCache
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import problem_response
from evomerge.errors import TooManyRequests, Unauthorized
from experiments import states
from experiments.entities import Token

COOKIE = "evomerge_session"
# The only answers without a token: whether the process lives and can work, and logging in.
OPEN = frozenset({("GET", "/livez"), ("GET", "/readyz"), ("POST", "/api/v1/session")})
_WINDOW_S = 60
_ADDRESSES = 10_000
_FIX = "send 'Authorization: Bearer evm_…'; 'evomerge token create' makes a token"


@dataclass(frozen=True)
class Principal:
    """Who sent a request: the bearer of a token."""

    token_id: str
    name: str
    owner: str
    scope: states.Scope


class TokenFinder(Protocol):
    """The store, as far as authentication needs it."""

    def find_token(self, secret: str) -> Token | None:
        """Return the valid token that has this secret."""


class Authenticator:
    """Finds the bearer of a secret, and makes an address wait that keeps sending wrong ones.

    The waiting is not what keeps secrets from being guessed (they have 256 bits) but what keeps guesses away from
    the store. It is counted in this process, which is the server's only one.
    """

    def __init__(self, tokens: TokenFinder, failed_logins: int, timer: Callable[[], float] = time.monotonic) -> None:
        self._tokens = tokens
        self._limit = failed_logins
        self._failures: TTLCache[str, int] = TTLCache(_ADDRESSES, _WINDOW_S, timer)
        self._lock = threading.Lock()

    def authenticate(self, secret: str, address: str) -> Principal:
        """Return whose secret this is.

        Args:
            secret: the token.
            address: of the client.

        Raises:
            Unauthorized: nobody's, or the token was revoked or has expired.
            TooManyRequests: the address sent too many wrong ones.
        """
        network = _network(address)
        with self._lock:
            failures = self._failures.get(network, 0)
        if failures >= self._limit:
            problem = f"{failures} wrong tokens came from this address"
            raise TooManyRequests("token", problem, f"wait {_WINDOW_S} seconds", retry_after_s=_WINDOW_S)
        token = self._tokens.find_token(secret)
        if token is None:
            with self._lock:
                self._failures[network] = self._failures.get(network, 0) + 1
            raise Unauthorized("token", "it is unknown, revoked or expired", _FIX)
        return Principal(token.id, token.name, token.owner, token.scope)


def _network(address: str) -> str:
    """One client of IPv6 has 2**64 addresses."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((address, 64), strict=False)) if parsed.version == 6 else address


class Authentication:
    """Lets a request pass that an open address or a valid token allows; ``scope["state"]["principal"]`` is who sent it.

    It stands before the routes and reads nothing of the body, so no route can be open by accident, and a caller
    without a token cannot tell which ones there are.
    """

    def __init__(self, app: ASGIApp, authenticator: Authenticator, root_path: str) -> None:
        self._app = app
        self._authenticator = authenticator
        self._cookie_path = cookie_path(root_path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and (scope["method"], scope["path"]) not in OPEN:
            connection = HTTPConnection(scope)
            cookie = connection.cookies.get(COOKIE)
            header = connection.headers.get("Authorization")
            secret = cookie if header is None else _bearer(header)
            if not secret:
                raise Unauthorized("token", "there is none", _FIX)
            try:
                principal = await run_in_threadpool(
                    self._authenticator.authenticate, secret, client_address(connection)
                )
            except Unauthorized as error:
                response = problem_response(scope, error)
                if cookie is not None:
                    # A forgotten browser tab would otherwise go on sending it, and make the address wait.
                    response.delete_cookie(COOKIE, path=self._cookie_path)
                await response(scope, receive, send)
                return
            scope["state"]["principal"] = principal
            structlog.contextvars.bind_contextvars(token_id=principal.token_id)
        await self._app(scope, receive, send)


def cookie_path(root_path: str) -> str:
    """Return where browsers send the cookie: to the API of this very server."""
    return f"{root_path}/api"


def client_address(connection: HTTPConnection) -> str:
    """Return the address of the client; behind a proxy that uvicorn trusts, the one that the proxy reports."""
    return connection.client.host if connection.client else "unknown"


def _bearer(header: str) -> str:
    scheme, _, secret = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthorized("Authorization", "its scheme is not Bearer", _FIX)
    return secret.strip()
