"""The one exception tree of evomerge.

EvomergeError                 exit code 1
├── InvalidInput              exit code 2: something the caller wrote is wrong; nothing was spent
│   ├── SpecError             the experiment spec
│   ├── ModelError            a checkpoint or adapter
│   ├── TaskError             a calibration task or its data
│   ├── RecipeError           a merge method, granularity, coefficient or option
│   ├── NotFound              an experiment, candidate or file that does not exist
│   ├── StateConflict         the request does not fit the experiment's present state
│   ├── PreconditionFailed    the experiment has changed since the caller looked at it
│   ├── BadRequest            the HTTP request cannot be read or may not come from where it does
│   ├── MethodNotAllowed      the HTTP method is not one of this address
│   ├── Misdirected           the HTTP request names a host that this server does not answer for
│   ├── TooLarge              the HTTP request is larger than the server reads
│   ├── Unauthorized          no token, or one that is not valid
│   ├── Forbidden             the token may not do this
│   └── TooManyRequests       the caller must wait
├── Infeasible                this candidate cannot be merged or scored; the search goes on
├── EngineError               the inference engine cannot start or stopped answering
├── StoreError                the store is unreachable, damaged or of another schema version
│   └── StoreUnavailable      the store cannot be reached or written to at the moment
├── ServerError               the server failed; its log explains it under the request's id
│   └── Unavailable           the server cannot do this at present; trying again may help
└── Interrupted               exit code 130: stopped on request, resumable

Server, client and command line share the tree: a server answers with a problem document (RFC 9457) that names the
class by its ``code``, and :func:`error_from_problem` makes the same error of it again.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any


class EvomergeError(Exception):
    """Root of every error that evomerge raises on purpose.

    ``code`` is stable and machine readable; ``exit_code`` is what the command line returns.
    """

    code = "error"
    exit_code = 1


class InvalidInput(EvomergeError):
    """Something the caller wrote cannot be used.

    Args:
        field: path of the offending field, file or argument (``tasks[0].metric``).
        problem: what was found and what was expected.
        fix: what to do about it.
    """

    code = "invalid_input"
    exit_code = 2

    def __init__(self, field: str, problem: str, fix: str) -> None:
        super().__init__(field, problem, fix)
        self.field = field
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}. Fix: {self.fix}"


class SpecError(InvalidInput):
    """The experiment spec is not valid.

    ``others`` are further problems of the same spec, each as (field, problem, fix); ``fix`` lists them too.
    """

    code = "invalid_spec"
    others: tuple[tuple[str, str, str], ...] = ()


class ModelError(InvalidInput):
    """A checkpoint or adapter cannot be merged."""

    code = "invalid_model"


class TaskError(InvalidInput):
    """A calibration task or its data cannot be used."""

    code = "invalid_task"


class RecipeError(InvalidInput):
    """A merge method, granularity, coefficient or option is not valid."""

    code = "invalid_recipe"


class NotFound(InvalidInput):
    """The named thing does not exist."""

    code = "not_found"


class StateConflict(InvalidInput):
    """The request does not fit the present state of the experiment."""

    code = "state_conflict"


class PreconditionFailed(InvalidInput):
    """The resource has changed since the caller looked at it."""

    code = "precondition_failed"


class BadRequest(InvalidInput):
    """The HTTP request cannot be read, or may not come from where it does."""

    code = "bad_request"


class MethodNotAllowed(InvalidInput):
    """The HTTP method is not one of this address."""

    code = "method_not_allowed"


class Misdirected(InvalidInput):
    """The HTTP request names a host that this server does not answer for."""

    code = "misdirected"


class TooLarge(InvalidInput):
    """The HTTP request is larger than the server reads."""

    code = "too_large"


class Unauthorized(InvalidInput):
    """There is no token, or it is not valid."""

    code = "unauthorized"


class Forbidden(InvalidInput):
    """The token may not do this."""

    code = "forbidden"


class TooManyRequests(InvalidInput):
    """The caller must wait for ``retry_after_s`` seconds."""

    code = "too_many_requests"

    def __init__(self, field: str, problem: str, fix: str, retry_after_s: int = 1) -> None:
        super().__init__(field, problem, fix)
        self.retry_after_s = retry_after_s


class Infeasible(EvomergeError):
    """A candidate cannot be merged or scored; it ranks last and the search goes on."""

    code = "infeasible"


class EngineError(EvomergeError):
    """The inference engine cannot start or stopped answering."""

    code = "engine"


class StoreError(EvomergeError):
    """The store is unreachable, damaged or of another schema version."""

    code = "store"


class ServerError(EvomergeError):
    """The server failed; its log explains it under the request's id."""

    code = "internal"


class Unavailable(ServerError):
    """The server cannot do this at present; trying again may help."""

    code = "unavailable"


class StoreUnavailable(StoreError):
    """The store cannot be reached or written to at the moment; what was acknowledged is kept."""

    code = "store_unavailable"


class Interrupted(EvomergeError):
    """Stopped on request; everything finished so far is stored and the run can be resumed."""

    code = "interrupted"
    exit_code = 130


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint such as ``did you mean 'ties'? (known: linear, ties)`` for an unknown name."""
    options = sorted(known)
    close = difflib.get_close_matches(name, options, n=1, cutoff=0.5)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}(known: {', '.join(options)})"


def error_from_problem(document: Mapping[str, Any]) -> EvomergeError:
    """Return the error that a server reported, of the class that it was raised as there.

    Args:
        document: a problem document of RFC 9457 with the members ``code``, ``detail``, ``field``, ``problem``, ``fix``,
            ``retry_after_s`` and ``request_id``. Of a code that this version does not know, or of a document that some
            proxy made, the status says what is left to say.
    """
    detail = str(document.get("detail") or document.get("title") or "the server gave no reason")
    status = document.get("status")
    unknown = InvalidInput if isinstance(status, int) and 400 <= status < 500 else EvomergeError
    kind = next((one for one in _tree(EvomergeError) if one.code == document.get("code")), unknown)
    if issubclass(kind, InvalidInput):
        texts = [str(document.get(name) or other) for name, other in _PARTS.items()]
        if "problem" not in document:
            texts[1] = detail
        error: EvomergeError = kind(*texts)
        if isinstance(error, TooManyRequests) and isinstance(wait := document.get("retry_after_s"), int):
            error.retry_after_s = wait
    else:
        error = kind(detail)
    if request_id := document.get("request_id"):
        error.add_note(f"request {request_id}")
    return error


_PARTS = {"field": "request", "problem": "it was refused", "fix": "see the server's log"}


def _tree(kind: type[EvomergeError]) -> Iterator[type[EvomergeError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)
