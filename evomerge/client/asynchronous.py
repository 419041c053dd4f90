"""The client for asynchronous programs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, Self, TypeVar

import anyio
import httpx2

from evomerge.client.calls import Calls
from evomerge.client.connection import Connection
from evomerge.client.steps import Ask, Awaiting, Emit, Feed, Read, Step, Steps, Wait, single

_T = TypeVar("_T")


class AsyncClient(Calls, Awaiting):
    """As :class:`evomerge.Client`, with the same calls and arguments."""

    def __init__(
        self,
        server: str | None = None,
        token: str | None = None,
        *,
        timeout_s: float = 30.0,
        patience_s: float = 60.0,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._connection = Connection(server, token, timeout_s, patience_s)
        self._http = httpx2.AsyncClient(transport=transport)

    def __repr__(self) -> str:
        return f"AsyncClient({self._connection!r})"

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        """Return the client itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        await self.close()

    async def _run(self, steps: Steps[_T]) -> _T:
        (result,) = [one async for one in self._iterate(single(steps))]
        return result

    async def _iterate(self, feed: Feed[_T]) -> AsyncIterator[_T]:
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
                    answer = await taker.take(step)
                except Exception as error:  # for the steps to handle, or not
                    advance = partial(feed.throw, error)
                else:
                    advance = partial(feed.send, answer)
        finally:
            feed.close()
            await taker.close()


class _Taker:
    """Takes the steps of one call."""

    def __init__(self, http: httpx2.AsyncClient, connection: Connection) -> None:
        self._http = http
        self._connection = connection
        self._response: httpx2.Response | None = None
        self._chunks: AsyncIterator[Any] | None = None

    async def take(self, step: Step) -> Any:
        if isinstance(step, Ask):
            return await self._ask(step)
        if isinstance(step, Read):
            return None if self._chunks is None else await anext(self._chunks, None)
        if isinstance(step, Wait):
            return await anyio.sleep(step.seconds)
        return await anyio.to_thread.run_sync(step.function)

    async def close(self) -> None:
        if self._response is not None:
            await self._response.aclose()

    async def _ask(self, ask: Ask) -> httpx2.Response:
        await self.close()
        response = await self._http.send(self._connection.request(ask), stream=True)
        self._response = response
        if ask.stream is None or response.status_code not in (200, 206):
            await response.aread()
        elif ask.stream == "events":
            self._chunks = aiter(httpx2.EventSource(response))
        else:
            self._chunks = response.aiter_bytes()
        return response
