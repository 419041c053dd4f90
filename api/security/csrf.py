"""Requests that some other site makes a browser send."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.security.scopes import SAFE_METHODS
from evomerge.errors import Forbidden


class CsrfGuard:
    """Refuses unsafe requests that may come from another site.

    GET, HEAD and OPTIONS are safe, every other method is not, known or unknown. An unsafe request passes where

    - it bears a token and no cookie: no other site can make a browser add the token, or
    - the browser says that it comes from this very origin or from the user (Sec-Fetch-Site), or
    - a browser too old to say so names this host as its Origin, or
    - it has neither header and no cookie, so no browser sent it.

    The scheme of Origin is not compared: behind a proxy that ends TLS the server does not know its own.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS:
            _check(Headers(scope=scope))
        await self._app(scope, receive, send)


def _check(headers: Headers) -> None:
    if "cookie" not in headers and "authorization" in headers:
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        allowed = site in ("same-origin", "none")
    elif origin is not None:
        host = origin.partition("://")[2].lower()
        allowed = host != "" and host == headers.get("host", "").lower()
    else:
        allowed = "cookie" not in headers
    if not allowed:
        raise Forbidden(
            "Origin",
            "the request does not come from this server's own pages",
            "send it from there, or with a bearer token and without cookies",
        )
