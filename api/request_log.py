"""The outermost layer: every request gets an id, a line in the log and a place in the metrics."""

from __future__ import annotations

import re
import time
import uuid

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import Metrics

REQUEST_ID = "X-Request-ID"
_USABLE = re.compile(r"[A-Za-z0-9._-]{1,64}")

_log = structlog.get_logger("evomerge.api")


class RequestLog:
    """Gives ids, logs and counts; ``scope["state"]["request_id"]`` is the id."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        answered, status = began, 0
        request_id = _request_id(Headers(scope=scope))
        # Of uvicorn's, which all requests share, this is a copy.
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}

        async def with_id(message: Message) -> None:
            nonlocal answered, status
            if message["type"] == "http.response.start":
                answered, status = time.perf_counter(), message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._app(scope, receive, with_id)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            if status:  # else the client has gone
                self._metrics.answered(scope["method"], route, status, answered - began)
            _log.info(
                "request",
                method=scope["method"],
                route=route,
                # Percent-encoded, so it cannot hold control characters; queries are left out.
                path=scope.get("raw_path", b"").decode("ascii", "replace").partition("?")[0][:256],
                status=status,
                duration_s=round(time.perf_counter() - began, 6),
                client=scope["client"][0] if scope.get("client") else None,
            )
            structlog.contextvars.clear_contextvars()


def _request_id(headers: Headers) -> str:
    """Return the caller's id, where it is one that can stand in a log, or a new one."""
    given = headers.get(REQUEST_ID, "")
    return given if _USABLE.fullmatch(given) else uuid.uuid4().hex
