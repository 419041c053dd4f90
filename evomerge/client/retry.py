"""Sending a request until it is answered, as long as repeating it can do no harm and some good."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any, TypeVar

import httpx2
from pydantic import BaseModel

from evomerge.client.connection import Connection
from evomerge.client.steps import Ask, Steps, Wait
from evomerge.errors import EvomergeError, StateConflict, Unavailable

_BUSY = frozenset({429, 502, 503, 504})
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 15.0
# The request has not left this machine, or not as a whole.
_UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)

_Model = TypeVar("_Model", bound=BaseModel)


def pauses() -> Iterator[float]:
    """Yield seconds to wait before one more try: doubling, with jitter so that clients do not come back at once."""
    for power in itertools.count():
        yield min(_FIRST_PAUSE_S * 2**power, _LONGEST_PAUSE_S) * random.uniform(0.5, 1.0)


def answered(connection: Connection, ask: Ask) -> Steps[httpx2.Response]:
    """Return a good answer.

    Raises:
        EvomergeError: what the server refused, as it raised it; or Unavailable where no server answers.
    """
    waited = 0.0
    for pause in pauses():
        error: EvomergeError
        again = ask.repeatable
        try:
            response: httpx2.Response = yield ask
        except httpx2.TransportError as failure:
            error = unreachable(connection, failure)
            again = again or isinstance(failure, _UNSENT)
        else:
            if response.is_success or response.status_code == 304:
                return response
            error = connection.error_of(response)
            passes = response.status_code in _BUSY or _is_under_way(error)
            again = passes and (again or response.status_code == 429)
            pause = max(pause, _retry_after(response))
        if not again or waited + pause > connection.patience_s:
            raise error
        waited += pause
        yield Wait(pause)
    raise AssertionError("pauses end")


def fetched(connection: Connection, ask: Ask, model: type[_Model]) -> Steps[_Model]:
    """Return a good answer as a model; raises as :func:`answered`."""
    response = yield from answered(connection, ask)
    return connection.parsed(response, model)


def unreachable(connection: Connection, failure: httpx2.TransportError) -> EvomergeError:
    """Return the error that says that no server answers."""
    why = str(failure) or type(failure).__name__
    return Unavailable(
        f"the server {connection.url} does not answer ({why}); check that it runs ('evomerge serve') and that the "
        "address is right (--server or EVOMERGE_SERVER)"
    )


def _is_under_way(error: EvomergeError) -> bool:
    """Return whether the server is still busy with the same request; our keys are never those of another one."""
    return isinstance(error, StateConflict) and error.field == "Idempotency-Key"


def _retry_after(response: httpx2.Response) -> float:
    value: Any = response.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else 0.0  # never a date: our server sends seconds
