"""Which names the server answers to. A page whose name was rebound to this address sends a name that is not one."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from evomerge.errors import BadRequest, Misdirected

# Probes address a container by its IP, and learn nothing but that it lives.
_ANY_HOST = frozenset({"/livez", "/readyz"})


class HostGuard:
    """Refuses requests whose Host header is missing, repeated, malformed (400) or not allowed (421)."""

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and scope["path"] not in _ANY_HOST:
            name = host_name(Headers(scope=scope).getlist("host"))
            if name not in self._hosts:
                raise Misdirected(
                    "Host", f"this server does not answer for '{name}'", "list the name in EVOMERGE_HOSTS of the server"
                )
        await self._app(scope, receive, send)


def host_name(headers: list[str]) -> str:
    """Return the lower-case name in the one Host header, without port and brackets.

    Raises:
        BadRequest: there is none, more than one, or it is no host.
    """
    try:
        (header,) = headers
        parts = urlsplit(f"//{header}")
        parts.port  # noqa: B018  it is parsed, and refused, when it is read
        if parts.netloc == header and "@" not in header and parts.hostname:
            return parts.hostname
    except ValueError:
        pass
    raise BadRequest("Host", "it is not one host name with an optional port", "send one Host header")
