"""Where a server is, who asks, and how an answer becomes a result or the server's own error."""

from __future__ import annotations

import ipaddress
import os
import re
from typing import TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from evomerge import __version__
from evomerge.client.steps import Ask
from evomerge.errors import EvomergeError, InvalidInput, ServerError, error_from_problem

PREFIX = "/api/v1"
_FIX = "give it as --server or EVOMERGE_SERVER, such as http://127.0.0.1:8000"
_Model = TypeVar("_Model", bound=BaseModel)


class Connection:
    """One server as one caller sees it; what it shows of itself never holds the token.

    Attributes:
        url: of the server.
        timeout_s: how long it may be silent.
        patience_s: how long requests that it cannot answer are repeated.
    """

    def __init__(self, server: str | None, token: str | None, timeout_s: float, patience_s: float) -> None:
        self.url = _server(server or os.environ.get("EVOMERGE_SERVER", ""))
        self.timeout_s = timeout_s
        self.patience_s = patience_s
        self._token = _checked_token(token or os.environ.get("EVOMERGE_TOKEN") or None)

    def __repr__(self) -> str:
        return f"server={self.url!r}"

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine."""
        host = httpx2.URL(self.url).host
        if host == "localhost":
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    def headers(self) -> dict[str, str]:
        """Return what every request bears."""
        sent = {"User-Agent": f"evomerge/{__version__}"}
        return sent if self._token is None else {**sent, "Authorization": f"Bearer {self._token}"}

    def request(self, ask: Ask) -> httpx2.Request:
        """Return the request of a step."""
        params = {name: value for name, value in (ask.params or {}).items() if value is not None}
        timeout = httpx2.Timeout(self.timeout_s, read=ask.timeout_s or self.timeout_s)
        return httpx2.Request(
            ask.method,
            f"{self.url}{PREFIX}{ask.path}",
            params=params,
            headers={**self.headers(), **(ask.headers or {})},
            json=ask.body,
            extensions={"timeout": timeout.as_dict()},
        )

    def error_of(self, response: httpx2.Response) -> EvomergeError:
        """Return the error that an answer reports, of the class that it was raised as on the server."""
        if response.headers.get("content-type", "").startswith("application/problem+json"):
            try:
                document = response.json()
            except ValueError:
                document = None
            if isinstance(document, dict):
                return error_from_problem(document)
        what = f"{self.url} answered {response.status_code} {response.reason_phrase} as no evomerge server does"
        if 400 <= response.status_code < 500 or response.is_redirect:
            return InvalidInput("server", what.strip(), "check that the address is that of an evomerge server")
        return ServerError(f"{what}; something before the server may be failing")

    def parsed(self, response: httpx2.Response, model: type[_Model]) -> _Model:
        """Return an answer as a model.

        Raises:
            ServerError: it is none.
        """
        try:
            return model.model_validate_json(response.content)
        except ValidationError as error:
            found = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(map(str, found["loc"])) or "the answer"
            raise ServerError(
                f"{self.url} answered what evomerge {__version__} cannot read ({where}: {found['msg']}); "
                "check that it is an evomerge server, of the same version"
            ) from None


def _server(text: str) -> str:
    if not text:
        raise InvalidInput("server", "none is named", _FIX)
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL as error:
        raise InvalidInput("server", f"it is no address: {error}", _FIX) from None
    if url.userinfo:
        raise InvalidInput("server", "its address holds a password", "leave it out; set EVOMERGE_TOKEN to a token")
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment:
        raise InvalidInput("server", f"'{text}' is not the address of a server", _FIX)
    return str(url).rstrip("/")


def _checked_token(token: str | None) -> str | None:
    # Not shown in the message: whatever was meant, it may be a secret.
    if token is not None and not re.fullmatch(r"[!-~]+", token):
        raise InvalidInput("token", "it holds spaces or other signs that no token has", "repeat it as it was printed")
    return token
