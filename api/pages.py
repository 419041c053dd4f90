"""The dashboard: built files that ask the API for everything, so they are open and say nothing themselves."""

from __future__ import annotations

from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evomerge.errors import NotFound

FILES = Path(__file__).parent / "dashboard"
_API = ("/api/", "/openapi.json", "/livez", "/readyz", "/metrics")
# Names of built files hold a hash of what is in them.
_FOR_EVER = "public, max-age=31536000, immutable"


class Pages:
    """Answers browsers that ask for a page or for one of its files; everything else goes on to the API.

    Every address of a page gets the same document, in which the browser finds its way.

    Args:
        app: the layers behind.
        root_path: prefix of all addresses, which the document needs to find its files and the API.
        files: directory of the built dashboard.
    """

    def __init__(self, app: ASGIApp, root_path: str, files: Path = FILES) -> None:
        self._app = app
        self._root_path = root_path
        self._index = files / "index.html"
        self._files = GZipMiddleware(StaticFiles(directory=files, check_dir=False), minimum_size=1024)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        answer: ASGIApp = self._app
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and not scope["path"].startswith(_API):
            if scope["path"].startswith("/assets/"):
                answer = self._asset
            elif "text/html" in Headers(scope=scope).get("accept", ""):
                answer = self._document()
        await answer(scope, receive, send)

    async def _asset(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def kept(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in (200, 206, 304):
                message["headers"].append((b"cache-control", _FOR_EVER.encode()))
            await send(message)

        try:
            await self._files(scope, receive, kept)
        except HTTPException as error:
            raise NotFound("address", "there is no such file", "load the page again, it is old") from error

    def _document(self) -> Response:
        try:
            text = self._index.read_text("utf-8")
        except FileNotFoundError:
            return PlainTextResponse("The dashboard is not built. In a checkout, make setup builds it.\n", 503)
        text = text.replace('name="evomerge-root" content=""', f'name="evomerge-root" content="{self._root_path}"')
        # Relative addresses would be looked for below the page's own.
        text = text.replace('"./assets/', f'"{self._root_path}/assets/')
        return HTMLResponse(text, headers={"Cache-Control": "no-cache"})
