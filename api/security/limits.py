"""How large a request may be."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evomerge.errors import BadRequest, TooLarge


class SizeLimits:
    """Refuses query strings and bodies above a size, bodies without a declared length as they arrive."""

    def __init__(self, app: ASGIApp, max_body_bytes: int, max_query_bytes: int) -> None:
        self._app = app
        self._max_body = max_body_bytes
        self._max_query = max_query_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if (size := len(scope["query_string"])) > self._max_query:
            problem = f"it has {size} bytes, the server reads {self._max_query}"
            raise TooLarge("query", problem, "send a shorter query string")
        declared = Headers(scope=scope).get("content-length", "0")
        if not (declared.isascii() and declared.isdigit()):
            raise BadRequest("Content-Length", "it is not a number of bytes", "send the length of the body")
        too_large = f"the server reads bodies of up to {self._max_body} bytes"
        if len(declared) > 18 or int(declared) > self._max_body:
            raise TooLarge("body", too_large, "send less at a time")
        read = 0

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._max_body:
                # FastAPI, which reads the body, lets no other exception through as it is.
                raise HTTPException(413, too_large)
            return message

        await self._app(scope, limited, send)
