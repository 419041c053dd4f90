"""The client that blocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Self, TypeVar

import httpx2

from evomerge.client.calls import Calls
from evomerge.client.connection import Connection
from evomerge.client.steps import Ask, Blocking, Emit, Feed, Read, Step, Steps, Wait, single

_T = TypeVar("_T")


class Client(Calls, Blocking):
    """A server's API for programs; usable from several threads.

    Args:
        server: its address; None for EVOMERGE_SERVER.
        token: of 'evomerge token create'; None for EVOMERGE_TOKEN.
        timeout_s: how long the server may be silent.
        patience_s: how long a request is repeated, all pauses together, while the server cannot be reached (connection
            errors, 502, 503, 504) or asks to wait (429). What creates something bears an Idempotency-Key, so that it
            takes effect once however often it is sent.
        transport: what sends requests; None for sockets.

    Raises:
        InvalidInput: ``server`` is no address, or ``token`` no token.
    """

    def __init__(
        self,
        server: str | None = None,
        token: str | None = None,
        *,
        timeout_s: float = 30.0,
        patience_s: float = 60.0,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._connection = Connection(server, token, timeout_s, patience_s)
        self._http = httpx2.Client(transport=transport)

    def __repr__(self) -> str:
        return f"Client({self._connection!r})"

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all connections."""
        self.close()

    def _run(self, steps: Steps[_T]) -> _T:
        (result,) = self._iterate(single(steps))
        return result

    def _iterate(self, feed: Feed[_T]) -> Iterator[_T]:
        taker = _Taker(self._http, self._connection)
        advance: Callable[[], Step | Emit[_T]] = feed.__next__
        try:
            while True:
                try:
                    step = advance()
                except StopIteration:
                    return
                if isinstance(step, Emit):
                    yield step.value
                    advance = feed.__next__
                    continue
                try:
                    answer = taker.take(step)
                except Exception as error:  # for the steps to handle, or not
                    advance = partial(feed.throw, error)
                else:
                    advance = partial(feed.send, answer)
        finally:
            feed.close()
            taker.close()


class _Taker:
    """Takes the steps of one call."""

    def __init__(self, http: httpx2.Client, connection: Connection) -> None:
        self._http = http
        self._connection = connection
        self._response: httpx2.Response | None = None
        self._chunks: Iterator[Any] = iter(())

    def take(self, step: Step) -> Any:
        if isinstance(step, Ask):
            return self._ask(step)
        if isinstance(step, Read):
            return next(self._chunks, None)
        if isinstance(step, Wait):
            return time.sleep(step.seconds)
        return step.function()

    def close(self) -> None:
        if self._response is not None:
            self._response.close()

    def _ask(self, ask: Ask) -> httpx2.Response:
        self.close()
        response = self._http.send(self._connection.request(ask), stream=True)
        self._response = response
        if ask.stream is None or response.status_code not in (200, 206):
            response.read()
        else:
            self._chunks = iter(httpx2.EventSource(response)) if ask.stream == "events" else response.iter_bytes()
        return response
