"""One reader of the store for everybody who watches an experiment."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from starlette.concurrency import run_in_threadpool

from api.metrics import Metrics
from evomerge.errors import StoreUnavailable, TooManyRequests
from experiments.entities import Event
from experiments.store import Store

_TICK_S = 0.5
_PAUSE_S = 5.0
_PAGE = 500
_log = structlog.get_logger("evomerge.api")


class Feed:
    """The events of one experiment as they are written, for any number of viewers, each at its own place.

    The latest events are kept; a viewer that is further behind reads the store itself, so that a slow one costs the
    others nothing and loses nothing.
    """

    def __init__(self, store: Store, experiment_id: str, last_seq: int) -> None:
        """Follow an experiment from its event ``last_seq`` on."""
        self._store = store
        self._experiment = experiment_id
        self._latest: deque[Event] = deque(maxlen=_PAGE)
        self._seq = last_seq
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._follow())
        self.viewers = 0

    async def after(self, seq: int) -> list[Event]:
        """Return events that follow ``seq`` without a gap; wait for the next one where there is none yet.

        Raises:
            StoreError: the store cannot be read.
        """
        while seq >= self._seq:
            if self._task.done():
                await self._task  # raises what ended it
            await self._changed.wait()
        if self._latest and self._latest[0].seq <= seq + 1:
            return [event for event in self._latest if event.seq > seq]
        return await run_in_threadpool(self._store.events, self._experiment, after=seq, limit=_PAGE)

    async def close(self) -> None:
        """Stop following."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _follow(self) -> None:
        try:
            while True:
                if found := await self._read():
                    self._latest.extend(found)
                    self._seq = found[-1].seq
                    self._wake()
                else:
                    await asyncio.sleep(_TICK_S)
        finally:
            self._wake()

    async def _read(self) -> list[Event]:
        try:
            return await run_in_threadpool(self._store.events, self._experiment, after=self._seq, limit=_PAGE)
        except StoreUnavailable as error:
            _log.warning("the store cannot be read, its viewers wait", error=str(error))
            await asyncio.sleep(_PAUSE_S)
            return []

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


class Feeds:
    """The feeds of all experiments that somebody watches; used in the event loop only."""

    def __init__(self, store: Store, metrics: Metrics, max_streams: int) -> None:
        """Take how many viewers there may be."""
        self._store = store
        self._metrics = metrics
        self._max = max_streams
        self._count = 0
        self._feeds: dict[str, Feed] = {}

    def check_room(self) -> None:
        """Refuse another viewer where there are as many as may be; call it while that can still be said.

        Raises:
            TooManyRequests: there are.
        """
        if self._count >= self._max:
            fix = "close another one, or ask for events page by page"
            raise TooManyRequests("stream", f"{self._max} streams are open", fix, retry_after_s=10)

    @asynccontextmanager
    async def watch(self, experiment_id: str, last_seq: int) -> AsyncIterator[Feed]:
        """Watch an experiment whose newest event is ``last_seq``."""
        feed = self._feeds.get(experiment_id)
        if feed is None:
            feed = self._feeds[experiment_id] = Feed(self._store, experiment_id, last_seq)
        self._count += 1
        feed.viewers += 1
        self._metrics.sse_clients.set(self._count)
        try:
            yield feed
        finally:
            self._count -= 1
            feed.viewers -= 1
            self._metrics.sse_clients.set(self._count)
            if feed.viewers == 0:
                del self._feeds[experiment_id]
                await feed.close()
