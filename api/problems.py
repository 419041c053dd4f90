"""Every error as a problem document (RFC 9457): one table from an error's class to its status."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evomerge import errors
from evomerge.errors import EvomergeError, InvalidInput, TooManyRequests, Unauthorized

MEDIA_TYPE = "application/problem+json"
_OPENAPI_FIX = "correct it; /openapi.json describes the request"

# A class that is not here has the status of the nearest class above it.
STATUS: Mapping[type[EvomergeError], int] = {
    EvomergeError: 500,
    errors.BadRequest: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.StateConflict: 409,
    errors.PreconditionFailed: 412,
    errors.TooLarge: 413,
    errors.Misdirected: 421,
    errors.InvalidInput: 422,
    errors.Infeasible: 422,
    errors.TooManyRequests: 429,
    errors.EngineError: 503,
    errors.StoreError: 503,
    errors.Unavailable: 503,
    errors.Interrupted: 503,
}

_log = structlog.get_logger("evomerge.api")


class FieldProblem(BaseModel):
    """One of several things that are wrong with a request."""

    field: str
    problem: str


class Problem(BaseModel):
    """The body of every error; ``evomerge.errors.error_from_problem`` makes an exception of it again."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    field: str | None = None
    problem: str | None = None
    fix: str | None = None
    errors: list[FieldProblem] | None = None
    retry_after_s: int | None = None


def problem_response(
    scope: Scope,
    error: EvomergeError,
    *,
    headers: Mapping[str, str] | None = None,
    wrong: list[FieldProblem] | None = None,
) -> Response:
    """Return the answer that reports an error.

    Args:
        scope: of the request.
        error: what is reported; of the store's errors only that there was one, as they tell where the store is.
        headers: more headers.
        wrong: everything that is wrong with the request, where that is more than ``error`` says.
    """
    kind = type(error)
    status = next(STATUS[base] for base in kind.__mro__ if base in STATUS)
    request_id = scope["state"]["request_id"]
    document = Problem(
        type=f"urn:evomerge:problem:{error.code}",
        title=(inspect.getdoc(kind) or error.code).splitlines()[0],
        status=status,
        detail=_detail(error, request_id),
        code=error.code,
        request_id=request_id,
        errors=wrong,
    )
    sent = dict(headers or {})
    if isinstance(error, InvalidInput):
        document.field, document.problem, document.fix = error.field, error.problem, error.fix
    if isinstance(error, errors.SpecError) and error.others:
        first = (error.field, error.problem, error.fix.split("\n")[0])
        document.errors = [
            FieldProblem(field=field, problem=f"{problem}. To fix it: {fix}")
            for field, problem, fix in (first, *error.others)
        ]
    if isinstance(error, TooManyRequests):
        document.retry_after_s = error.retry_after_s
        sent["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, Unauthorized):
        sent["WWW-Authenticate"] = 'Bearer realm="evomerge"'
    return Response(document.model_dump_json(exclude_none=True), status, sent, MEDIA_TYPE)


def _detail(error: EvomergeError, request_id: str) -> str:
    if isinstance(error, errors.StoreError):
        return f"the store does not answer as it should; the server's log says why under request {request_id}"
    return str(error)


class Problems:
    """Turns what anything behind it raises into a problem document; what nobody foresaw tells nothing but the id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:
            if not isinstance(error, InvalidInput):
                _log.error("request failed", exc_info=error)
            if started:
                raise  # half an answer is sent: all that is left is to end the connection
            if isinstance(error, EvomergeError):
                shown = error
            else:
                request_id = scope["state"]["request_id"]
                shown = errors.ServerError(f"the server's log says why under request {request_id}")
            await problem_response(scope, shown)(scope, receive, send)


def install(app: FastAPI) -> None:
    """Make FastAPI's and Starlette's own refusals problem documents too."""
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(RequestValidationError, _validation_error)


async def _http_exception(request: Request, raised: Exception) -> Response:
    assert isinstance(raised, HTTPException)
    subject = f"{request.method} {request.url.path}"
    known = "the addresses and their methods are in /openapi.json"
    kinds: dict[int, InvalidInput] = {
        404: errors.NotFound("path", f"there is nothing at {subject}", known),
        405: errors.MethodNotAllowed("method", f"{subject} is not possible", known),
        413: errors.TooLarge("body", raised.detail, "send less at a time"),
    }
    if raised.status_code >= 500:
        raise errors.ServerError(raised.detail) from raised
    other = errors.BadRequest("request", raised.detail, _OPENAPI_FIX)
    return problem_response(request.scope, kinds.get(raised.status_code, other), headers=raised.headers)


async def _validation_error(request: Request, raised: Exception) -> Response:
    assert isinstance(raised, RequestValidationError)
    # What was sent is not repeated: it may be a secret.
    wrong = [FieldProblem(field=_path(one), problem=_message(one)) for one in raised.errors()]
    first = InvalidInput(wrong[0].field, wrong[0].problem, _OPENAPI_FIX)
    return problem_response(request.scope, first, wrong=wrong)


def _message(error: Mapping[str, Any]) -> str:
    text: str = error["msg"]
    if error["type"] == "json_invalid":
        return f"it is not JSON: {error['ctx']['error'].lower()} at character {error['loc'][-1]}"
    return text[:1].lower() + text[1:]


def _path(error: Mapping[str, Any]) -> str:
    """Return ``body.tasks[0].metric`` for the location ("body", "tasks", 0, "metric")."""
    head, *rest = error["loc"]
    if error["type"] == "json_invalid":
        rest = []  # only a position in the text
    return str(head) + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest)
